package workloads

import (
	"context"
	"time"

	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/pool"
)

var submitBurst = &bench.Workload{
	Name:    "submit_burst",
	Doc:     "20,000 small calls submitted one by one, then all their results",
	Metrics: []bench.Metric{{Name: "submit_burst", Unit: "items/s", Better: bench.Higher}},
	Ours:    burstOurs,
	CPython: true,
}

const burstSize = 20_000

func burstOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	workers, err := pool.New(pool.Options{Workers: p.Workers})
	if err != nil {
		return nil, err
	}
	defer workers.Close()
	if _, err := burst(ctx, workers, burstSize/10); err != nil {
		return nil, err
	}
	best, err := repeat(p.Budget, func() (time.Duration, error) { return burst(ctx, workers, burstSize) })
	return bench.Values{"submit_burst": perSecond(best, burstSize)}, err
}

// burst returns the time of n calls from the first Submit to the last result.
func burst(ctx context.Context, workers *pool.Pool, n int) (time.Duration, error) {
	squares := make([]int, 0, n)
	start := time.Now()
	futures := make([]*pool.Future[int], n)
	for i := range futures {
		futures[i] = pool.Submit(ctx, workers, square.With(i))
	}
	for _, f := range futures {
		v, err := f.Get(ctx)
		if err != nil {
			return 0, err
		}
		squares = append(squares, v)
	}
	took := time.Since(start)
	return took, checkSquares(squares, n)
}
