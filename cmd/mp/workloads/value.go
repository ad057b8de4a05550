package workloads

import (
	"context"
	"sync"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var valueLockedIncr = &bench.Workload{
	Name:       "value_locked_incr",
	Doc:        "add 1 to a shared value with its lock held, which nobody else wants",
	Metrics:    []bench.Metric{{Name: "value_locked_incr", Unit: "ns", Better: bench.Lower}},
	Ours:       incrOurs,
	Goroutines: incrGoroutines,
	CPython:    true,
}

func incrOurs(_ context.Context, p bench.Params) (bench.Values, error) {
	v, err := mp.NewValue(int64(0))
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return tally(p, "value_locked_incr", lockBatch, func(n int) (int, error) {
		before := v.Load()
		for range n {
			v.Update(increment)
		}
		return int(v.Load() - before), nil
	})
}

func increment(x *int64) { *x++ }

func incrGoroutines(_ context.Context, p bench.Params) (bench.Values, error) {
	v := new(struct {
		sync.Mutex
		x int64
	})
	return tally(p, "value_locked_incr", lockBatch, func(n int) (int, error) {
		before := v.x
		for range n {
			v.Lock()
			increment(&v.x)
			v.Unlock()
		}
		return int(v.x - before), nil
	})
}
