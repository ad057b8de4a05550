package workloads

import (
	"context"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var eventPingpong = &bench.Workload{
	Name:    "event_pingpong",
	Doc:     "two processes wake each other in turn with two events: time of a round trip; limit: with two bare futexes",
	Metrics: []bench.Metric{{Name: "event_pingpong", Unit: "us", Better: bench.Lower}},
	Ours:    pingpongOurs,
	Limit:   asleep("event_pingpong"),
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

func pingpongOurs(ctx context.Context, p bench.Params) (values bench.Values, err error) {
	var t Table
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
	crew := newCrew(ctx)
	defer func() { err = crew.dismiss(err) }()
	if err := crew.hire(giveBack.With(t)); err != nil {
		return nil, err
	}
	round := int64(0)
	return pingpong(p, "event_pingpong", func() error {
		round++
		t.Ping.Set()
		if err := t.Pong.Wait(crew.ctx); err != nil {
			return err
		}
		t.Pong.Clear()
		if seen := t.Rounds.Load(); seen != round {
			return wrong("the round of the child", seen, round)
		}
		return nil
	})
}

// pingpong times round trips, as the figure of that name.
func pingpong(p bench.Params, name string, trip func() error) (bench.Values, error) {
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
	return bench.Values{name: each(best, pingpongBatch)}, err
}
