package workloads

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/pool"
)

var mapTiny = &bench.Workload{
	Name:       "map_tiny",
	Doc:        "x*x over 1,000,000 ints, in chunks as they come by default",
	Metrics:    []bench.Metric{{Name: "map_tiny", Unit: "items/s", Better: bench.Higher}},
	Ours:       tinyOurs,
	Goroutines: tinyGoroutines,
	CPython:    true,
}

const tinySize = 1_000_000

func tinyOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	workers, err := pool.New(pool.Options{Workers: p.Workers})
	if err != nil {
		return nil, err
	}
	defer workers.Close()
	return tiny(p, func(items []int) ([]int, error) { return pool.Map(ctx, workers, square, items) })
}

// tinyGoroutines splits the items into a few parts for each goroutine: one
// goroutine for each item would measure the scheduler.
func tinyGoroutines(_ context.Context, p bench.Params) (bench.Values, error) {
	return tiny(p, func(items []int) ([]int, error) {
		squares := make([]int, len(items))
		var g errgroup.Group
		g.SetLimit(p.Workers)
		parts := 4 * p.Workers
		for i := range parts {
			lo, hi := i*len(items)/parts, (i+1)*len(items)/parts
			g.Go(func() error {
				for i := lo; i < hi; i++ {
					squares[i] = items[i] * items[i]
				}
				return nil
			})
		}
		return squares, g.Wait()
	})
}

// tiny times the mapping of x*x over 0, 1, 2, ...
func tiny(p bench.Params, mapping func([]int) ([]int, error)) (bench.Values, error) {
	items := numbers(tinySize)
	work := func(n int) (time.Duration, error) {
		start := time.Now()
		squares, err := mapping(items[:n])
		took := time.Since(start)
		if err != nil {
			return 0, err
		}
		return took, checkSquares(squares, n)
	}
	if _, err := work(tinySize / 10); err != nil {
		return nil, err
	}
	best, err := repeat(p.Budget, func() (time.Duration, error) { return work(tinySize) })
	return bench.Values{"map_tiny": perSecond(best, tinySize)}, err
}
