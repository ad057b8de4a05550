package workloads

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/multiproc/mp/cmd/mp/bench"
)

var queue1p1c = &bench.Workload{
	Name:       "queue_1p1c",
	Doc:        "ints through a queue from one process to another; goroutines: through a channel",
	Metrics:    []bench.Metric{{Name: "queue_1p1c", Unit: "items/s", Better: bench.Higher}},
	Ours:       intsOurs("queue_1p1c", 1, 1),
	Goroutines: intsGoroutines("queue_1p1c", 1, 1),
	CPython:    true,
}

var queue4p2c = &bench.Workload{
	Name:       "queue_4p2c",
	Doc:        "ints through a queue from four processes to two others; goroutines: through a channel",
	Metrics:    []bench.Metric{{Name: "queue_4p2c", Unit: "items/s", Better: bench.Higher}},
	Ours:       intsOurs("queue_4p2c", 4, 2),
	Goroutines: intsGoroutines("queue_4p2c", 4, 2),
	CPython:    true,
}

var queue1MiBItems = &bench.Workload{
	Name:    "queue_1MiB_items",
	Doc:     "byte strings of 1 MiB through a queue from one process to another; limit: copied into shared memory, and out of it",
	Metrics: []bench.Metric{{Name: "queue_1MiB_items", Unit: "GiB/s", Better: bench.Higher}},
	Note: "the queue has room for 8 items, with all; each receives with what is fastest: ours into the same memory again (GetInto), " +
		"for new memory for each item (Get) takes two to three times as long, with the collector's part",
	Ours:    mebibytesOurs,
	Limit:   ringLimit("queue_1MiB_items"),
	CPython: true,
}

const (
	// queueBatch is how many ints are timed together.
	queueBatch = 100_000
	// largeItems is how many large items are in a queue at most.
	largeItems = 8
	// channelRoom is how many ints are in a channel at most; queues have no bound.
	channelRoom = 1024
)

func intsOurs(name string, producers, consumers int) bench.Measure {
	return func(ctx context.Context, p bench.Params) (bench.Values, error) {
		t := traffic[int]{producers: producers, consumers: consumers, put: putInts, get: getInts, sum: sumOfInts}
		return t.measure(ctx, func(pass func(n int) (int, error)) (bench.Values, error) {
			return ints(p, name, pass)
		})
	}
}

// intsGoroutines has the same parts for the same number of goroutines.
func intsGoroutines(name string, producers, consumers int) bench.Measure {
	return func(ctx context.Context, p bench.Params) (bench.Values, error) {
		c := make(chan int, channelRoom)
		return ints(p, name, func(n int) (int, error) {
			yields := make([]Yield, consumers)
			var g errgroup.Group
			for i := range producers {
				g.Go(func() error {
					span := spanOf(n, i, producers)
					for x := span.Lo; x < span.Hi; x++ {
						c <- x
					}
					return nil
				})
			}
			for i := range yields {
				g.Go(func() error {
					span := spanOf(n, i, consumers)
					for range span.Hi - span.Lo {
						yields[i].add(<-c)
					}
					return nil
				})
			}
			_ = g.Wait()
			return checkYields(yields, sumOfInts(n))
		})
	}
}

// sumOfInts returns the sum of 0 to n-1.
func sumOfInts(n int) int { return n * (n - 1) / 2 }

// ints measures how pass gets n ints from one side to the other, in items per second.
// pass returns how many have come out.
func ints(p bench.Params, name string, pass func(n int) (done int, err error)) (bench.Values, error) {
	values, err := tally(p, name, queueBatch, pass)
	if err == nil {
		values[name] = 1e9 / values[name]
	}
	return values, err
}

func mebibytesOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	t := traffic[[]byte]{
		producers: 1, consumers: 1, capacity: largeItems,
		put: putMebibytes, get: getMebibytes, sum: sumOfNumbers,
	}
	return t.measure(ctx, func(pass func(n int) (int, error)) (bench.Values, error) {
		return bulk(p, "queue_1MiB_items", pass)
	})
}
