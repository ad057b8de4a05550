package workloads

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var startJoinSpawn = &bench.Workload{
	Name:    "start_join_spawn",
	Doc:     "start a process that does nothing, and join it; limit: exec of the same binary, whose main returns at once",
	Metrics: []bench.Metric{{Name: "start_join_spawn", Unit: "us", Better: bench.Lower}},
	Ours:    startOurs,
	Limit:   startLimit,
	CPython: true,
}

// BareArgument makes main of this program return at once, before mp.Init: what
// it costs then is what the system and the runtime cost, and the initialisation
// of the packages.
const BareArgument = "bench-bare"

// startBatch is how many starts are timed together.
const startBatch = 20

func startOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	if err := startAndJoin(ctx, exit.With(7)); exitCode(err) != 7 {
		return nil, wrong("the end of a process that exits with 7", err, "that")
	}
	return startMany(p, func() error { return startAndJoin(ctx, noop.With(mp.None{})) })
}

func startAndJoin(ctx context.Context, call mp.AnyCall) error {
	p := mp.NewProcess(call)
	if err := p.Start(); err != nil {
		return err
	}
	if err := p.Join(ctx); err != nil {
		return err
	}
	return p.Close()
}

// exitCode returns the code with which the process ended of which err tells.
func exitCode(err error) int {
	var e *mp.ExitError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func startLimit(ctx context.Context, p bench.Params) (bench.Values, error) {
	return startMany(p, func() error {
		cmd := exec.CommandContext(ctx, "/proc/self/exe", BareArgument)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr // inherited, as ours
		return cmd.Run()
	})
}

// startMany times start, which starts a process and waits for its end.
func startMany(p bench.Params, start func() error) (bench.Values, error) {
	batch := func() (time.Duration, error) {
		began := time.Now()
		for range startBatch {
			if err := start(); err != nil {
				return 0, err
			}
		}
		return time.Since(began), nil
	}
	if _, err := batch(); err != nil {
		return nil, err
	}
	best, err := repeat(p.Budget, batch)
	return bench.Values{"start_join_spawn": each(best, startBatch)}, err
}
