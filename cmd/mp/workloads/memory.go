package workloads

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/pool"
)

var workerPSS = &bench.Workload{
	Name: "worker_pss",
	Doc:  "memory of an idle worker, fresh and 2 s after 20,000 calls; cpython: a worker of its spawn method",
	Metrics: []bench.Metric{
		{Name: "worker_pss_idle", Unit: "MiB", Better: bench.Lower},
		{Name: "worker_pss_after", Unit: "MiB", Better: bench.Lower},
		{Name: "worker_private_dirty_idle", Unit: "MiB", Better: bench.Lower},
		{Name: "worker_private_dirty_after", Unit: "MiB", Better: bench.Lower},
	},
	Ours:     memoryOurs,
	CPython:  true,
	Together: true,
	Budget:   2 * time.Second, // how long the workers may settle
}

// settleFresh is how long fresh workers may settle, which have nothing to give
// back but what starting took.
const settleFresh = 200 * time.Millisecond

func memoryOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	workers, err := pool.New(pool.Options{Workers: p.Workers})
	if err != nil {
		return nil, err
	}
	defer workers.Close()
	if err := meetAll(ctx, workers, p.Workers); err != nil {
		return nil, err
	}
	time.Sleep(settleFresh)
	idle, err := memory(workers.Workers())
	if err != nil {
		return nil, err
	}
	if _, err := burst(ctx, workers, burstSize); err != nil {
		return nil, err
	}
	time.Sleep(p.Budget)
	after, err := memory(workers.Workers())
	return bench.Values{
		"worker_pss_idle":            idle.pss,
		"worker_private_dirty_idle":  idle.privateDirty,
		"worker_pss_after":           after.pss,
		"worker_private_dirty_after": after.privateDirty,
	}, err
}

// meetAll has every worker do something, and compares their pids with those
// that the pool tells.
func meetAll(ctx context.Context, workers *pool.Pool, n int) error {
	met := make(map[int]bool)
	pauses := make([]time.Duration, 2*n)
	for i := range pauses {
		pauses[i] = 10 * time.Millisecond
	}
	for len(met) < n {
		pids, err := pool.Map(ctx, workers, whoami, pauses, pool.ChunkSize(1))
		if err != nil {
			return err
		}
		for _, pid := range pids {
			met[pid] = true
		}
	}
	pids := workers.Workers()
	for _, pid := range pids {
		delete(met, pid)
	}
	if len(pids) != n || len(met) != 0 {
		return wrong("the number of workers", len(pids)+len(met), n)
	}
	return nil
}

// footprint is what a process keeps in memory, in MiB.
type footprint struct {
	pss          float64 // its share of what it uses
	privateDirty float64 // what it alone uses and the kernel cannot drop
}

// memory returns the footprint of the processes, on average.
func memory(pids []int) (footprint, error) {
	var sum footprint
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return sum, err
		}
		f, err := parseRollup(string(text))
		if err != nil {
			return sum, err
		}
		sum.pss += f.pss / float64(len(pids))
		sum.privateDirty += f.privateDirty / float64(len(pids))
	}
	return sum, nil
}

// parseRollup reads /proc/PID/smaps_rollup.
func parseRollup(text string) (footprint, error) {
	var f footprint
	fields := map[string]*float64{"Pss:": &f.pss, "Private_Dirty:": &f.privateDirty}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 || fields[words[0]] == nil {
			continue
		}
		kib, err := strconv.ParseFloat(words[1], 64)
		if err != nil {
			return f, fmt.Errorf("smaps_rollup: %w", err)
		}
		*fields[words[0]] = kib / 1024
		delete(fields, words[0])
	}
	if len(fields) > 0 {
		return f, fmt.Errorf("smaps_rollup does not tell all: %q", text)
	}
	return f, nil
}
