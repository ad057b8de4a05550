package workloads

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/internal/sys"
)

var eventPingpong = &bench.Workload{
	Name:    "event_pingpong",
	Doc:     "two processes wake each other in turn with two events: time of a round trip; limit: with two bare futexes",
	Metrics: []bench.Metric{{Name: "event_pingpong", Unit: "us", Better: bench.Lower}},
	Ours:    pingpongOurs,
	Limit:   pingpongLimit,
	CPython: true,
}

// pingpongBatch is how many round trips are timed together.
const pingpongBatch = 2000

// A Table is what two processes play on.
type Table struct {
	Ping, Pong *mp.Event
	Rounds     *mp.RawValue[int64] // that the child has seen
}

// returnLocally is the child's side. It ends with its context.
func returnLocally(ctx context.Context, t Table) error {
	for round := int64(1); ; round++ {
		if err := t.Ping.Wait(ctx); err != nil {
			return err
		}
		t.Ping.Clear()
		t.Rounds.Store(round)
		t.Pong.Set()
	}
}

func pingpongOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	var t Table
	var err error
	if t.Ping, err = mp.NewEvent(); err != nil {
		return nil, err
	}
	defer t.Ping.Close()
	if t.Pong, err = mp.NewEvent(); err != nil {
		return nil, err
	}
	defer t.Pong.Close()
	if t.Rounds, err = mp.NewRawValue(int64(0)); err != nil {
		return nil, err
	}
	defer t.Rounds.Close()
	round := int64(0)
	return pingpong(ctx, p, giveBack.With(t), func() error {
		round++
		t.Ping.Set()
		if err := t.Pong.Wait(ctx); err != nil {
			return err
		}
		t.Pong.Clear()
		if seen := t.Rounds.Load(); seen != round {
			return wrong("the round of the child", seen, round)
		}
		return nil
	})
}

// pingpong times round trips with a child.
func pingpong(ctx context.Context, p bench.Params, child mp.AnyCall, trip func() error) (bench.Values, error) {
	process := mp.NewProcess(child)
	if err := process.Start(); err != nil {
		return nil, err
	}
	defer func() { _ = process.Stop(ctx) }() // it ends by the end of its context
	batch := func(n int) (time.Duration, error) {
		start := time.Now()
		for range n {
			if err := trip(); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	}
	if _, err := batch(pingpongBatch / 10); err != nil {
		return nil, err
	}
	best, err := repeat(p.Budget, func() (time.Duration, error) { return batch(pingpongBatch) })
	return bench.Values{"event_pingpong": each(best, pingpongBatch)}, err
}

// Futexes are two words that say which round has been played.
type Futexes struct{ Ping, Pong *mp.RawValue[uint32] }

// pingpongLimit sleeps in the kernel each time, as events do if there is no other
// work: to spin is faster, and costs a CPU.
func pingpongLimit(ctx context.Context, p bench.Params) (bench.Values, error) {
	var f Futexes
	var err error
	if f.Ping, err = mp.NewRawValue(uint32(0)); err != nil {
		return nil, err
	}
	defer f.Ping.Close()
	if f.Pong, err = mp.NewRawValue(uint32(0)); err != nil {
		return nil, err
	}
	defer f.Pong.Close()
	ping, releasePing := f.Ping.Ptr()
	defer releasePing()
	pong, releasePong := f.Pong.Ptr()
	defer releasePong()
	return pingpong(ctx, p, giveFutexBack.With(f), func() error {
		round := atomic.AddUint32(ping, 1)
		sys.FutexWake(ping, 1)
		return until(ctx, pong, round)
	})
}

func returnFutexLocally(ctx context.Context, f Futexes) error {
	ping, releasePing := f.Ping.Ptr()
	defer releasePing()
	pong, releasePong := f.Pong.Ptr()
	defer releasePong()
	for round := uint32(1); ; round++ {
		if err := until(ctx, ping, round); err != nil {
			return err
		}
		atomic.StoreUint32(pong, round)
		sys.FutexWake(pong, 1)
	}
}

// until waits in the kernel until word is round.
func until(ctx context.Context, word *uint32, round uint32) error {
	for {
		seen := atomic.LoadUint32(word)
		if seen == round {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		sys.FutexWait(word, seen, 50*time.Millisecond)
	}
}
