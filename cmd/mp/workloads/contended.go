package workloads

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var valueContended2p = &bench.Workload{
	Name: "value_contended_2p",
	Doc:  "two processes add 1 to one shared value, both as fast as they can: time for one increment",
	Metrics: []bench.Metric{
		{Name: "value_contended_2p", Unit: "ns", Better: bench.Lower},
		{Name: "value_contended_2p_share", Unit: "%", Better: bench.Higher},
	},
	Note:    "the share is what the slower process gets, of what the faster one gets; with less than 10 % ours fails",
	Ours:    contendedOurs,
	CPython: true,
}

const (
	// contestTime is how long the two are at it before they are compared.
	contestTime = 100 * time.Millisecond
	// leastShare is what the one must get of what the other gets.
	leastShare = 0.1
)

// Contest is what each of the two processes gets to know.
type Contest struct {
	Value   *mp.Value[int64]
	Arrived *mp.RawValue[int64ref] // how many are there
	Time    time.Duration
}

// int64ref is a number for atomic arithmetic.
type int64ref struct{ N atomic.Int64 }

// A Contestant is what one of them has done.
type Contestant struct {
	Begin, End int64 // as monotonic tells
	Count      int64
}

// contendedLocally waits until both are there, and increments.
func contendedLocally(ctx context.Context, c Contest) (Contestant, error) {
	arrived, release := c.Arrived.Ptr()
	defer release()
	arrived.N.Add(1)
	for arrived.N.Load() < 2 {
		if err := ctx.Err(); err != nil {
			return Contestant{}, err
		}
		time.Sleep(20 * time.Microsecond)
	}
	me := Contestant{Begin: monotonic()}
	for me.End < me.Begin+int64(c.Time) {
		for range 256 { // the clock is not what is measured
			c.Value.Update(increment)
		}
		me.Count += 256
		me.End = monotonic()
	}
	return me, nil
}

func contendedOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	var counts [2]int64
	best, err := repeat(p.Budget, func() (time.Duration, error) {
		two, err := contest(ctx)
		if err != nil {
			return 0, err
		}
		counts[0] += two[0].Count
		counts[1] += two[1].Count
		took := max(two[0].End, two[1].End) - min(two[0].Begin, two[1].Begin)
		// Picoseconds, so that repeat can compare them.
		return time.Duration(1000 * float64(took) / float64(two[0].Count+two[1].Count)), nil
	})
	if err != nil {
		return nil, err
	}
	share := float64(min(counts[0], counts[1])) / float64(max(counts[0], counts[1]))
	if p.Budget >= contestTime && share < leastShare { // a single contest may have had bad luck with its neighbours
		return nil, fmt.Errorf("one process got %.1f %% of what the other got: %d", 100*share, counts)
	}
	return bench.Values{
		"value_contended_2p":       float64(best) / 1000,
		"value_contended_2p_share": 100 * share,
	}, nil
}

// contest lets two processes increment a new value.
func contest(ctx context.Context) (two [2]Contestant, err error) {
	c := Contest{Time: contestTime}
	if c.Value, err = mp.NewValue(int64(0)); err != nil {
		return two, err
	}
	defer c.Value.Close()
	if c.Arrived, err = mp.NewRawValue(int64ref{}); err != nil {
		return two, err
	}
	defer c.Arrived.Close()
	g, ctx := errgroup.WithContext(ctx)
	for i := range two {
		g.Go(func() (err error) {
			two[i], err = mp.Run(ctx, contended.With(c))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return two, err
	}
	if have, want := c.Value.Load(), two[0].Count+two[1].Count; have != want {
		return two, wrong("the sum of the increments", have, want)
	}
	return two, nil
}
