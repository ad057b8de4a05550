package workloads

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/pool"
)

var map100us = &bench.Workload{
	Name:               "map_100us",
	Doc:                "10,000 tasks of 100 us of arithmetic; goroutines, and limit: a static split over as many goroutines",
	Metrics:            []bench.Metric{{Name: "map_100us", Unit: "s", Better: bench.Lower}},
	Ours:               grindOurs,
	Goroutines:         grindGoroutines,
	GoroutinesAreLimit: true,
	Budget:             1200 * time.Millisecond,
	Prepare:            prepareGrind,
}

const (
	grindSize = 10_000
	grindTime = 100 * time.Microsecond
)

// Grind is a piece of calibrated work.
type Grind struct {
	Seed  uint64
	Steps uint64
}

// grindLocally takes as many steps of a pseudo-random sequence (xorshift64*).
// Each step needs the one before it, so neither compiler nor processor can
// shorten it; not inlined, it is the same code for all roles, and never dropped.
//
//go:noinline
func grindLocally(g Grind) uint64 {
	x := g.Seed*2 + 1
	sum := uint64(0)
	for range g.Steps {
		x ^= x >> 12
		x ^= x << 25
		x ^= x >> 27
		sum += x * 0x2545F4914F6CDD1D
	}
	return sum
}

// prepareGrind finds out how many steps take 100 us, and what their results are.
// The roles get both, so that all do the same and no role checks itself.
func prepareGrind(p *bench.Params) {
	const probe = 1_000_000
	best, _ := repeat(50*time.Millisecond, func() (time.Duration, error) {
		start := time.Now()
		_, err := grindSplit([]Grind{{Seed: 1, Steps: probe}}, 1)
		return time.Since(start), err
	})
	p.Steps = uint64(probe * grindTime / best)
	results, _ := grindSplit(grinds(p.Steps), p.Workers)
	p.Checksum = checksum(results)
}

// grinds returns the pieces of work.
func grinds(steps uint64) []Grind {
	all := make([]Grind, grindSize)
	for i := range all {
		all[i] = Grind{Seed: uint64(i), Steps: steps}
	}
	return all
}

// checksum depends on every result and on its place.
func checksum(results []uint64) uint64 {
	sum := uint64(len(results))
	for _, r := range results {
		sum = sum*1099511628211 + r
	}
	return sum
}

func grindOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	workers, err := pool.New(pool.Options{Workers: p.Workers})
	if err != nil {
		return nil, err
	}
	defer workers.Close()
	return grindAll(p, func(items []Grind) ([]uint64, error) { return pool.Map(ctx, workers, grind, items) })
}

func grindGoroutines(_ context.Context, p bench.Params) (bench.Values, error) {
	return grindAll(p, func(items []Grind) ([]uint64, error) { return grindSplit(items, p.Workers) })
}

// grindSplit gives each of n goroutines an equal part of the work, once.
func grindSplit(items []Grind, n int) ([]uint64, error) {
	results := make([]uint64, len(items))
	var g errgroup.Group
	for i := range n {
		lo, hi := i*len(items)/n, (i+1)*len(items)/n
		g.Go(func() error {
			for i := lo; i < hi; i++ {
				results[i] = grindLocally(items[i])
			}
			return nil
		})
	}
	return results, g.Wait()
}

func grindAll(p bench.Params, mapping func([]Grind) ([]uint64, error)) (bench.Values, error) {
	items := grinds(p.Steps)
	if _, err := mapping(items[:grindSize/50]); err != nil {
		return nil, err
	}
	best, err := repeat(p.Budget, func() (time.Duration, error) {
		start := time.Now()
		results, err := mapping(items)
		took := time.Since(start)
		if err == nil && checksum(results) != p.Checksum {
			err = wrong("the checksum", checksum(results), p.Checksum)
		}
		return took, err
	})
	return bench.Values{"map_100us": best.Seconds()}, err
}
