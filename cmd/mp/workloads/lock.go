package workloads

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var lockUncontended = &bench.Workload{
	Name:       "lock_uncontended",
	Doc:        "take a lock that nobody else wants, and give it back; limit: two compare-and-swaps of a word",
	Metrics:    []bench.Metric{{Name: "lock_uncontended", Unit: "ns", Better: bench.Lower}},
	Ours:       lockOurs,
	Goroutines: lockGoroutines,
	Limit:      lockLimit,
	CPython:    true,
}

// lockBatch is how many pairs are timed together.
const lockBatch = 1_000_000

func lockOurs(_ context.Context, p bench.Params) (bench.Values, error) {
	l, err := mp.NewLock()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	values, err := tally(p, "lock_uncontended", lockBatch, func(n int) (done int, err error) {
		for range n {
			l.Lock()
			done++
			l.Unlock() // it panics if the lock is not locked
		}
		return done, nil
	})
	if err != nil {
		return nil, err
	}
	free := !l.Locked()
	if !free || !l.TryLock() || !l.Locked() || l.TryLock() {
		return nil, wrong("the lock afterwards", l, "free, and then held")
	}
	l.Unlock()
	return values, nil
}

func lockGoroutines(_ context.Context, p bench.Params) (bench.Values, error) {
	var l sync.Mutex
	return tally(p, "lock_uncontended", lockBatch, func(n int) (done int, err error) {
		for range n {
			l.Lock()
			done++
			l.Unlock()
		}
		return done, nil
	})
}

func lockLimit(_ context.Context, p bench.Params) (bench.Values, error) {
	word := new(atomic.Uint32)
	return tally(p, "lock_uncontended", lockBatch, func(n int) (done int, err error) {
		for range n {
			if word.CompareAndSwap(0, 1) && word.CompareAndSwap(1, 0) {
				done++
			}
		}
		return done, nil
	})
}

// tally measures what work does n times, in nanoseconds for once, as the only
// figure of a workload. work returns how often it has succeeded.
func tally(p bench.Params, name string, n int, work func(n int) (done int, err error)) (bench.Values, error) {
	timed := func(n int) (time.Duration, error) {
		start := time.Now()
		done, err := work(n)
		took := time.Since(start)
		if err == nil && done != n {
			err = wrong("how often it was done", done, n)
		}
		return took, err
	}
	if _, err := timed(n / 10); err != nil {
		return nil, err
	}
	best, err := repeat(p.Budget, func() (time.Duration, error) { return timed(n) })
	return bench.Values{name: 1000 * each(best, n)}, err
}
