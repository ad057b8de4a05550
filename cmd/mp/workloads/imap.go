package workloads

import (
	"context"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/pool"
)

var imapUnordered1 = &bench.Workload{
	Name:       "imap_unordered_1",
	Doc:        "x*x over a stream of ints, handed out one by one, results as they come",
	Metrics:    []bench.Metric{{Name: "imap_unordered_1", Unit: "items/s", Better: bench.Higher}},
	Ours:       imapOurs,
	Goroutines: imapGoroutines,
	CPython:    true,
}

const imapSize = 20_000

func imapOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	workers, err := pool.New(pool.Options{Workers: p.Workers})
	if err != nil {
		return nil, err
	}
	defer workers.Close()
	return imap(p, func(items iter.Seq[int]) iter.Seq2[int, error] {
		return pool.ImapUnordered(ctx, workers, square, items, pool.ChunkSize(1))
	})
}

// imapGoroutines has as many goroutines as there are workers, with a channel on
// either side.
func imapGoroutines(_ context.Context, p bench.Params) (bench.Values, error) {
	return imap(p, func(items iter.Seq[int]) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			in, out := make(chan int, 2*p.Workers), make(chan int, 2*p.Workers)
			var g errgroup.Group
			for range p.Workers {
				g.Go(func() error {
					for x := range in {
						out <- x * x
					}
					return nil
				})
			}
			go func() {
				for x := range items {
					in <- x
				}
				close(in)
				_ = g.Wait() // they return nil
				close(out)
			}()
			for v := range out {
				yield(v, nil) // the loop below takes all
			}
		}
	})
}

// imap times a loop over the results of x*x for 0, 1, 2, ...
func imap(p bench.Params, mapping func(iter.Seq[int]) iter.Seq2[int, error]) (bench.Values, error) {
	work := func(n int) (time.Duration, error) {
		items := func(yield func(int) bool) {
			for i := 0; i < n && yield(i); i++ {
			}
		}
		squares := make([]int, 0, n)
		start := time.Now()
		for v, err := range mapping(items) {
			if err != nil {
				return 0, err
			}
			squares = append(squares, v)
		}
		took := time.Since(start)
		slices.Sort(squares)
		return took, checkSquares(squares, n)
	}
	if _, err := work(imapSize / 10); err != nil {
		return nil, err
	}
	best, err := repeat(p.Budget, func() (time.Duration, error) { return work(imapSize) })
	return bench.Values{"imap_unordered_1": perSecond(best, imapSize)}, err
}
