package workloads

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/pool"
)

var applyRTT = &bench.Workload{
	Name: "apply_rtt",
	Doc:  "one small call to one worker, and its result: mean, median and 99th percentile",
	Metrics: []bench.Metric{
		{Name: "apply_rtt", Unit: "us", Better: bench.Lower},
		{Name: "apply_rtt_p50", Unit: "us", Better: bench.Lower},
		{Name: "apply_rtt_p99", Unit: "us", Better: bench.Lower},
	},
	Ours:    applyOurs,
	CPython: true,
	Budget:  time.Second,
}

// applyBatch is how many calls are timed together for the mean. CPython, of which
// a call can take anything from 25 to 500 us, has longer batches of fewer calls.
const applyBatch = 20_000

func applyOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	workers, err := pool.New(pool.Options{Workers: 1})
	if err != nil {
		return nil, err
	}
	defer workers.Close()
	one := func(i int) error {
		v, err := pool.Apply(ctx, workers, square.With(i))
		if err == nil && v != i*i {
			err = wrong(fmt.Sprintf("the square of %d", i), v, i*i)
		}
		return err
	}
	batch := func(n int) (time.Duration, error) {
		start := time.Now()
		for i := range n {
			if err := one(i); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	}
	if _, err := batch(applyBatch / 10); err != nil {
		return nil, err
	}
	best, err := repeat(p.Budget*6/10, func() (time.Duration, error) { return batch(applyBatch) })
	if err != nil {
		return nil, err
	}
	latencies, err := latencies(p.Budget*4/10, one)
	return bench.Values{
		"apply_rtt":     each(best, applyBatch),
		"apply_rtt_p50": bench.Quantile(latencies, 0.5),
		"apply_rtt_p99": bench.Quantile(latencies, 0.99),
	}, err
}

// latencies times single calls until the budget is used up. It returns their
// times in microseconds, in ascending order.
func latencies(budget time.Duration, one func(i int) error) ([]float64, error) {
	var all []float64
	start := time.Now()
	for before := start; before.Sub(start) < budget; {
		if err := one(len(all)); err != nil {
			return nil, err
		}
		after := time.Now()
		all = append(all, each(after.Sub(before), 1))
		before = after
	}
	slices.Sort(all)
	return all, nil
}
