package workloads

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/internal/headroom"
	"github.com/multiproc/mp/pool"
)

var arraySum1g = &bench.Workload{
	Name: "array_sum_1g",
	Doc:  "two workers add up a shared array of 1 GiB, half each: for the first time, and again; goroutines: two over a slice",
	Metrics: []bench.Metric{
		{Name: "array_sum_1g_first", Unit: "GiB/s", Better: bench.Higher},
		{Name: "array_sum_1g_second", Unit: "GiB/s", Better: bench.Higher},
	},
	Note: "the parent has filled the array; a worker sees each page for the first time in the first pass, and must not copy any. " +
		"The slice of the goroutines is filled, too, by the process that reads it",
	Ours:       sumOurs,
	Goroutines: sumGoroutines,
	Prepare:    prepareSum,
}

const (
	sumWorkers = 2
	sumSize    = 1 << 30
	// mostPrivate is by how many MiB the memory that a worker has for itself may
	// grow while it reads.
	mostPrivate = 16
)

func prepareSum(p *bench.Params) {
	free, _ := headroom.Available()
	sizeSum(p, free)
}

// sizeSum takes a smaller array where only so many bytes of memory are free.
func sizeSum(p *bench.Params, free uint64) {
	p.Size = sumSize
	for p.Size > 1<<20 && free/3 < p.Size {
		p.Size /= 2
	}
	if p.Size < sumSize {
		p.Note = fmt.Sprintf("the array has %d MiB, not 1 GiB: no more than %d MiB of memory are free", p.Size>>20, free>>20)
	}
}

// Part is a part of an array.
type Part struct {
	Array  *mp.Array[int64]
	Lo, Hi int
}

// sumLocally adds up the part, in place.
func sumLocally(p Part) int64 {
	items, release := p.Array.Slice()
	defer release()
	return sum(items[p.Lo:p.Hi])
}

// sum is the same code for all roles.
//
//go:noinline
func sum(items []int64) (total int64) {
	for _, x := range items {
		total += x
	}
	return total
}

// fill sets all items, with two goroutines, and returns their sum.
func fill(items []int64) int64 {
	var g errgroup.Group
	for i := range 2 {
		lo, hi := i*len(items)/2, (i+1)*len(items)/2
		g.Go(func() error {
			for j := lo; j < hi; j++ {
				items[j] = int64(j)
			}
			return nil
		})
	}
	_ = g.Wait()
	n := int64(len(items))
	return n * (n - 1) / 2
}

func sumOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	array, err := mp.NewArray[int64](int(p.Size / 8))
	if err != nil {
		return nil, err
	}
	defer array.Close()
	items, release := array.Slice()
	right := fill(items)
	release()
	workers, err := pool.New(pool.Options{Workers: sumWorkers})
	if err != nil {
		return nil, err
	}
	defer workers.Close()
	n := array.Len()
	parts := make([]Part, sumWorkers)
	for i := range parts {
		parts[i] = Part{array, i * n / sumWorkers, i * n / sumWorkers}
	}
	mapping := func() ([]int64, error) { return pool.Map(ctx, workers, sumPart, parts, pool.ChunkSize(1)) }
	if err := meetAll(ctx, workers, sumWorkers); err != nil {
		return nil, err
	}
	if _, err := mapping(); err != nil { // of nothing
		return nil, err
	}
	pids := workers.Workers()
	before, err := private(pids)
	if err != nil {
		return nil, err
	}
	for i := range parts {
		parts[i].Hi = (i + 1) * n / sumWorkers
	}
	values, err := passes(p, right, mapping)
	if err != nil {
		return nil, err
	}
	after, err := private(pids)
	for i := range after {
		if grown := after[i] - before[i]; grown > mostPrivate {
			return nil, fmt.Errorf("a worker that only reads has %.1f MiB more for itself", grown)
		}
	}
	return values, err
}

// private returns how many MiB each process has for itself.
func private(pids []int) (each []float64, err error) {
	for _, pid := range pids {
		f, err := memory([]int{pid})
		if err != nil {
			return nil, err
		}
		each = append(each, f.privateDirty)
	}
	return each, nil
}

func sumGoroutines(_ context.Context, p bench.Params) (bench.Values, error) {
	items := make([]int64, p.Size/8)
	right := fill(items)
	return passes(p, right, func() ([]int64, error) {
		sums := make([]int64, sumWorkers)
		var g errgroup.Group
		for i := range sums {
			lo, hi := i*len(items)/sumWorkers, (i+1)*len(items)/sumWorkers
			g.Go(func() error {
				sums[i] = sum(items[lo:hi])
				return nil
			})
		}
		return sums, g.Wait()
	})
}

// passes times two passes over the array.
func passes(p bench.Params, right int64, mapping func() ([]int64, error)) (bench.Values, error) {
	values := make(bench.Values)
	for _, name := range []string{"array_sum_1g_first", "array_sum_1g_second"} {
		start := time.Now()
		sums, err := mapping()
		took := time.Since(start)
		if err != nil {
			return nil, err
		}
		if have := sum(sums); have != right {
			return nil, wrong("the sum", have, right)
		}
		values[name] = float64(p.Size) / (1 << 30) / took.Seconds()
	}
	return values, nil
}
