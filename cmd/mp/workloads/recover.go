package workloads

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

var lockRecover = &bench.Workload{
	Name: "lock_recover",
	Doc:  "from the SIGKILL of a lock's holder until who waits has the lock: another child, or the parent",
	Metrics: []bench.Metric{
		{Name: "lock_recover_p50", Unit: "ms", Better: bench.Lower},
		{Name: "lock_recover_p99", Unit: "ms", Better: bench.Lower},
		{Name: "lock_recover_parent_p50", Unit: "ms", Better: bench.Lower},
		{Name: "lock_recover_parent_p99", Unit: "ms", Better: bench.Lower},
	},
	Note: "CPython has no figure: who waits for a multiprocessing.Lock whose holder has been killed waits for ever",
	Ours: recoverOurs,
}

const (
	// recoverKills is how many holders are killed for each waiter, and fewKills
	// how many where the figures do not matter.
	recoverKills = 200
	fewKills     = 10
	// settleWaiter is how long a waiter has to fall asleep.
	settleWaiter = time.Millisecond
)

// A Scene is what holders and waiters get to know.
type Scene struct {
	Lock  *mp.Lock
	Board *mp.RawValue[board]
	Round int64 // of a holder
	Kills int64 // for a waiter
}

// board is where they write which round they have reached.
type board struct {
	Held, Waiting, Got atomic.Int64
	Time               atomic.Int64 // at which the waiter got the lock
}

// reach waits until a place on the board has come to round.
func reach(ctx context.Context, place *atomic.Int64, round int64) error {
	for place.Load() < round {
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(50 * time.Microsecond)
	}
	return nil
}

// holdLocally takes the lock, and is killed.
func holdLocally(ctx context.Context, s Scene) error {
	b, release := s.Board.Ptr()
	defer release()
	if err := s.Lock.Acquire(ctx); err != nil {
		return err
	}
	b.Held.Store(s.Round)
	<-ctx.Done()
	return ctx.Err()
}

// awaitLocally takes the lock over from one holder after another.
func awaitLocally(ctx context.Context, s Scene) error {
	b, release := s.Board.Ptr()
	defer release()
	for round := int64(1); round <= s.Kills; round++ {
		if err := reach(ctx, &b.Held, round); err != nil {
			return err
		}
		b.Waiting.Store(round)
		if err := s.Lock.Acquire(ctx); err != nil {
			return err
		}
		b.Time.Store(monotonic())
		if !s.Lock.OwnerDied() {
			return wrong("OwnerDied of the lock of a killed process", false, true)
		}
		s.Lock.Repaired()
		s.Lock.Unlock()
		b.Got.Store(round)
	}
	return nil
}

func recoverOurs(ctx context.Context, p bench.Params) (bench.Values, error) {
	kills := int64(recoverKills)
	if p.Budget < 100*time.Millisecond {
		kills = fewKills
	}
	values := make(bench.Values)
	for name, wait := range map[string]func(context.Context, Scene) error{
		"lock_recover": func(ctx context.Context, s Scene) error {
			_, err := mp.Run(ctx, await.With(s))
			return err
		},
		"lock_recover_parent": awaitLocally,
	} {
		times, err := killHolders(ctx, kills, wait)
		if err != nil {
			return nil, err
		}
		values[name+"_p50"] = bench.Quantile(times, 0.5)
		values[name+"_p99"] = bench.Quantile(times, 0.99)
	}
	return values, nil
}

// killHolders kills holders of a lock that wait waits for. It returns how long
// that took each time, in milliseconds, in ascending order.
func killHolders(ctx context.Context, kills int64, wait func(context.Context, Scene) error) (times []float64, err error) {
	s := Scene{Kills: kills}
	if s.Lock, err = mp.NewLock(); err != nil {
		return nil, err
	}
	defer s.Lock.Close()
	if s.Board, err = mp.NewRawValue(board{}); err != nil {
		return nil, err
	}
	defer s.Board.Close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return wait(ctx, s) })
	g.Go(func() error {
		for round := range kills {
			took, err := killHolder(ctx, Scene{Lock: s.Lock, Board: s.Board, Round: round + 1})
			if err != nil {
				return err
			}
			times = append(times, float64(took.Nanoseconds())/1e6)
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.Sort(times)
	return times, nil
}

// killHolder is one round.
func killHolder(ctx context.Context, s Scene) (took time.Duration, err error) {
	b, release := s.Board.Ptr()
	defer release()
	holder := mp.NewProcess(hold.With(s))
	if err := holder.Start(); err != nil {
		return 0, err
	}
	for _, place := range []*atomic.Int64{&b.Held, &b.Waiting} {
		if err := reach(ctx, place, s.Round); err != nil {
			_ = holder.Kill()
			return 0, err
		}
	}
	time.Sleep(settleWaiter)
	start := monotonic()
	if err := holder.Kill(); err != nil {
		return 0, err
	}
	if err := reach(ctx, &b.Got, s.Round); err != nil {
		return 0, err
	}
	took = time.Duration(b.Time.Load() - start)
	_ = holder.Join(ctx) // it tells of the kill
	if code, _ := holder.ExitCode(); code != -9 {
		return 0, fmt.Errorf("the holder ended with %d, not by the kill", code)
	}
	return took, holder.Close()
}
