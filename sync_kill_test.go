//go:build linux

package mp_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// killLoop kills a victim in each round, at a random moment up to most after at.
func killLoop(t *testing.T, most time.Duration, victim func() *mp.Process, at func(), after func(round int)) {
	t.Helper()
	rng := random(t)
	for round := range kills(t) {
		p := victim()
		at()
		time.Sleep(time.Duration(rng.Int64N(int64(most))))
		require.NoError(t, p.Kill())
		after(round)
		<-p.Done()
		_ = p.Close()
	}
}

// relaunch starts a process that is killed in any case.
func relaunch(t testing.TB, call mp.AnyCall) *mp.Process {
	t.Helper()
	p := mp.NewProcess(call)
	p.Daemon = true
	require.NoError(t, p.Start())
	return p
}

// rounds is what a process waits for again and again.
type rounds struct {
	Event   *mp.Event
	Units   *mp.Semaphore
	Permits *mp.BoundedSemaphore
	Cond    *mp.Cond
	Barrier *mp.Barrier
	Ready   *mp.Semaphore // released before each wait
	Passed  *mp.Semaphore // released after it
	Again   *mp.Semaphore // to be acquired before the next
	Used    *mp.Event
}

func newRounds(t testing.TB) rounds {
	sem := func() *mp.Semaphore { return made[*mp.Semaphore](t)(mp.NewSemaphore(0)) }
	return rounds{Ready: sem(), Passed: sem(), Again: sem()}
}

func (r rounds) each(ctx context.Context, wait func() error) error {
	for {
		if err := errors.Join(r.Ready.Release(), wait(), r.Passed.Release(), r.Again.Acquire(ctx)); err != nil {
			return err
		}
	}
}

var (
	waitEvents = mp.Action(func(ctx context.Context, r rounds) error {
		return r.each(ctx, func() error { return r.Event.Wait(ctx) })
	})
	waitEventOnce = mp.Action(func(ctx context.Context, r rounds) error {
		err := errors.Join(r.Ready.Release(), r.Event.Wait(ctx))
		<-ctx.Done()
		return err
	})
)

// A waiter of an event that is killed as it is woken does not keep the others from
// being woken.
func TestEventWaitersAreKilledAtRandomMoments(t *testing.T) {
	r := newRounds(t)
	r.Event = made[*mp.Event](t)(mp.NewEvent())
	launch(t, waitEvents.With(r))
	killLoop(t, 200*time.Microsecond, func() *mp.Process { return relaunch(t, waitEventOnce.With(r)) }, func() {
		acquired(t, r.Ready, 2)
		r.Event.Set()
	}, func(int) {
		acquired(t, r.Passed, 1)
		r.Event.Clear()
		require.NoError(t, r.Again.Release())
	})
}

var (
	takeUnits = mp.Action(func(ctx context.Context, r rounds) error {
		for {
			if err := r.Units.Acquire(ctx); err != nil {
				return err
			}
		}
	})
	takeUnit = mp.Action(func(ctx context.Context, r rounds) error {
		err := errors.Join(r.Ready.Release(), r.Units.Acquire(ctx))
		<-ctx.Done()
		return err
	})
)

// A waiter of a semaphore that is killed as it is woken may have had the unit; if not
// another one gets it.
func TestSemaphoreWaitersAreKilledAtRandomMoments(t *testing.T) {
	r := newRounds(t)
	r.Units = made[*mp.Semaphore](t)(mp.NewSemaphore(0))
	launch(t, takeUnits.With(r))
	killLoop(t, 200*time.Microsecond, func() *mp.Process { return relaunch(t, takeUnit.With(r)) }, func() {
		acquired(t, r.Ready, 1)
		require.NoError(t, r.Units.Release())
	}, func(int) {
		eventually(t, "somebody gets the unit", func() bool { return r.Units.Value() == 0 })
	})
}

var takeAllPermits = mp.Action(func(ctx context.Context, r rounds) error {
	for range 3 {
		if err := r.Permits.Acquire(ctx); err != nil {
			return err
		}
		if err := r.Ready.Release(); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
})

// The permits of a process that is killed as it takes them come back.
func TestPermitHoldersAreKilledAtRandomMoments(t *testing.T) {
	r := newRounds(t)
	r.Permits = made[*mp.BoundedSemaphore](t)(mp.NewBoundedSemaphore(3))
	killLoop(t, 200*time.Microsecond, func() *mp.Process { return relaunch(t, takeAllPermits.With(r)) }, func() {
		acquired(t, r.Ready, 1)
	}, func(int) {
		for range 3 {
			require.NoError(t, r.Permits.Acquire(bounded(t)))
		}
		assert.False(t, r.Permits.TryAcquire())
		for range 3 {
			require.NoError(t, r.Permits.Release())
		}
		assert.ErrorIs(t, r.Permits.Release(), mp.ErrReleasedTooOften)
		for r.Ready.TryAcquire() { // what the victim got to beyond the first
		}
	})
}

var (
	waitConds = mp.Action(func(ctx context.Context, r rounds) error {
		for {
			if err := r.Again.Acquire(ctx); err != nil {
				return err
			}
			r.Cond.Lock()
			err := errors.Join(r.Ready.Release(), r.Cond.Wait(ctx))
			r.Cond.Unlock()
			if err = errors.Join(err, r.Passed.Release()); err != nil {
				return err
			}
		}
	})
	waitCondOnce = mp.Action(func(ctx context.Context, r rounds) error {
		r.Cond.Lock()
		err := errors.Join(r.Ready.Release(), r.Cond.Wait(ctx))
		r.Used.Set()
		r.Cond.Unlock()
		<-ctx.Done()
		return err
	})
)

// A notification whose receiver is killed before it has the lock again goes to
// another one.
func TestCondWaitersAreKilledAtRandomMoments(t *testing.T) {
	r := newRounds(t)
	r.Cond = made[*mp.Cond](t)(mp.NewCond(nil))
	r.Used = made[*mp.Event](t)(mp.NewEvent())
	launch(t, waitConds.With(r))
	passed, used, died := 0, 0, 0
	notify := func(n int) {
		require.NoError(t, r.Cond.Acquire(bounded(t)))
		defer r.Cond.Unlock()
		require.NoError(t, r.Cond.Notify(n))
	}
	other := func() {
		require.NoError(t, r.Again.Release())
		acquired(t, r.Ready, 1)
	}
	otherFirst := false
	killLoop(t, 200*time.Microsecond, func() *mp.Process {
		if otherFirst = !otherFirst; otherFirst {
			other()
		}
		return relaunch(t, waitCondOnce.With(r))
	}, func() {
		acquired(t, r.Ready, 1)
		if !otherFirst {
			other()
		}
		notify(1)
	}, func(int) {
		got := false
		eventually(t, "somebody has the notification", func() bool {
			got = r.Passed.TryAcquire()
			return got || r.Used.IsSet() || r.Cond.OwnerDied()
		})
		switch {
		case got:
			passed++
		case r.Used.IsSet():
			used++
		default: // with the lock, perhaps before it had seen that it was notified
			died++
		}
		for end := time.Now().Add(patience); !got && time.Now().Before(end); {
			notify(2)
			got = r.Passed.Acquire(within(t, 50*time.Millisecond)) == nil
		}
		require.True(t, got)
		require.NoError(t, r.Cond.Acquire(bounded(t)))
		r.Cond.Repaired()
		r.Cond.Unlock()
		r.Used.Clear()
	})
	t.Logf("the other one was woken %d times; the victim had it %d times, and died with the lock %d times", passed, used, died)
}

var (
	meetAlways = mp.Action(func(ctx context.Context, r rounds) error {
		for {
			_, err := r.Barrier.Wait(ctx)
			if !errors.Is(err, mp.ErrBrokenBarrier) && err != nil {
				return err
			}
			if err != nil {
				if err := errors.Join(r.Passed.Release(), r.Again.Acquire(ctx)); err != nil {
					return err
				}
			}
		}
	})
	meetUntilKilled = mp.Action(func(ctx context.Context, r rounds) error {
		for first := true; ; first = false {
			if _, err := r.Barrier.Wait(ctx); err != nil {
				return err
			}
			if first {
				if err := r.Ready.Release(); err != nil {
					return err
				}
			}
		}
	})
)

// A party that is killed at any moment breaks the barrier: all others are told.
func TestBarrierPartiesAreKilledAtRandomMoments(t *testing.T) {
	for name, action := range map[string][]mp.AnyCall{
		"without an action": nil,
		"with an action":    {lingerABit.With(mp.None{})},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRounds(t)
			r.Barrier = made[*mp.Barrier](t)(mp.NewBarrier(3, action...))
			launch(t, meetAlways.With(r))
			launch(t, meetAlways.With(r))
			killLoop(t, time.Millisecond, func() *mp.Process { return relaunch(t, meetUntilKilled.With(r)) }, func() {
				acquired(t, r.Ready, 1)
			}, func(int) {
				acquired(t, r.Passed, 2)
				assert.True(t, r.Barrier.Broken())
				require.NoError(t, r.Barrier.Reset())
				require.NoError(t, errors.Join(r.Again.Release(), r.Again.Release()))
			})
		})
	}
}

var lingerABit = mp.Action0(func(context.Context) error {
	time.Sleep(time.Duration(rand.IntN(100)) * time.Microsecond)
	return nil
})
