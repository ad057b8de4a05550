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
	Doc:  "two workers add up a shared array of 1 GiB, every other MiB each: for the first time, and again; goroutines: two over a slice",
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

// Share is what one worker adds up: of the stripes of an array, every one whose
// number is First modulo sumWorkers, of the first Stripes.
type Share struct {
	Array          *mp.Array[int64]
	First, Stripes int
}

// stripe is how many items lie side by side in a share: 1 MiB. Some pages are a
// third slower than others, by where they lie in the machine's memory, and
// neighbours are alike: of two halves one would often take longer.
const stripe = 1 << 20 / 8

// sumLocally adds up the share, in place.
func sumLocally(s Share) int64 {
	items, release := s.Array.Slice()
	defer release()
	return sumStripes(items[:s.Stripes*stripe], s.First)
}

// sumStripes is the same code for all roles.
func sumStripes(items []int64, first int) (total int64) {
	for at := first * stripe; at < len(items); at += sumWorkers * stripe {
		total += sum(items[at : at+stripe])
	}
	return total
}

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
	shares := make([]Share, sumWorkers)
	for i := range shares {
		shares[i] = Share{Array: array, First: i}
	}
	mapping := func() ([]int64, error) { return pool.Map(ctx, workers, sumShare, shares, pool.ChunkSize(1)) }
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
	for i := range shares {
		shares[i].Stripes = array.Len() / stripe
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
			g.Go(func() error {
				sums[i] = sumStripes(items, i)
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
