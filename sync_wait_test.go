//go:build linux

package mp_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// A blockade is something to wait for that never comes, until let is called.
type blockade struct {
	wait  func(ctx context.Context) error
	let   func()
	close func() error
}

// blockades returns one of each sort of wait.
func blockades(t testing.TB) map[string]blockade {
	t.Helper()
	e := made[*mp.Event](t)(mp.NewEvent())
	plain := made[*mp.Semaphore](t)(mp.NewSemaphore(0))
	permits := made[*mp.BoundedSemaphore](t)(mp.NewBoundedSemaphore(1))
	require.True(t, permits.TryAcquire())
	c, given := made[*mp.Cond](t)(mp.NewCond(nil)), made[*mp.Lock](t)(mp.NewLock())
	g := made[*mp.Cond](t)(mp.NewCond(given))
	b := made[*mp.Barrier](t)(mp.NewBarrier(2))
	waiting := make(chan struct{}, 1000) // sent to with the lock held
	notify := func(c *mp.Cond) func() {
		return func() {
			<-waiting
			c.Lock()
			defer c.Unlock()
			assert.NoError(t, c.Notify(1))
		}
	}
	return map[string]blockade{
		"Event.Wait":               {e.Wait, e.Set, e.Close},
		"Semaphore.Acquire":        {plain.Acquire, func() { assert.NoError(t, plain.Release()) }, plain.Close},
		"BoundedSemaphore.Acquire": {permits.Acquire, func() { assert.NoError(t, permits.Release()) }, permits.Close},
		"Cond.Wait": {func(ctx context.Context) error {
			if err := c.Acquire(ctx); err != nil {
				return err
			}
			defer func() { _ = c.Release() }() // it may be closed
			waiting <- struct{}{}
			return c.Wait(ctx)
		}, notify(c), c.Close},
		"Cond.WaitFor": {func(ctx context.Context) error {
			given.Lock()
			defer given.Unlock()
			asked := 0
			waiting <- struct{}{}
			return g.WaitFor(ctx, func() bool { asked++; return asked == 2 && ctx.Err() == nil })
		}, notify(g), g.Close},
		"Barrier.Wait": {func(ctx context.Context) error {
			_, err := b.Wait(ctx)
			return err
		}, func() {
			_, err := b.Wait(context.Background())
			assert.NoError(t, err)
		}, b.Close},
	}
}

func TestACancelledWaitEnds(t *testing.T) {
	for name, b := range blockades(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			waits := inBackground(t, func() error { return b.wait(ctx) })
			time.Sleep(10 * time.Millisecond)
			cancel()
			err := waits()
			assert.ErrorIs(t, err, context.Canceled)
			assert.NotErrorIs(t, err, mp.ErrTimeout)
			assert.Equal(t, context.Canceled, b.wait(ctx), "and does not begin")
		})
	}
}

func TestAWaitEndsWithItsTime(t *testing.T) {
	for name, b := range blockades(t) {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, context.DeadlineExceeded, b.wait(endedContext()))
			timed(t, b.wait)
		})
	}
}

// Those who wait when the handle is closed notice, however many they are.
func TestAWaitEndsWhenItsHandleIsClosed(t *testing.T) {
	for name, b := range blockades(t) {
		t.Run(name, func(t *testing.T) {
			n := 100
			if name == "Barrier.Wait" {
				n = 1
			}
			var waits []func() error
			for range n {
				waits = append(waits, inBackground(t, func() error { return b.wait(context.Background()) }))
			}
			time.Sleep(10 * time.Millisecond)
			start := time.Now()
			require.NoError(t, b.close())
			require.NoError(t, b.close())
			for _, ended := range waits {
				assert.ErrorIs(t, ended(), mp.ErrClosed)
			}
			assert.Less(t, time.Since(start), 2*time.Second)
		})
	}
}

func TestAWaitEndsWell(t *testing.T) {
	for name, b := range blockades(t) {
		t.Run(name, func(t *testing.T) {
			waits := inBackground(t, func() error { return b.wait(context.Background()) })
			time.Sleep(10 * time.Millisecond)
			b.let()
			assert.NoError(t, waits())
		})
	}
}

func TestNoHandleIsAnError(t *testing.T) {
	ctx := context.Background()
	for _, wait := range []func() error{
		func() error { return new(mp.Event).Wait(ctx) },
		func() error { return (*mp.Event)(nil).Wait(ctx) },
		func() error { return new(mp.Semaphore).Acquire(ctx) },
		func() error { return (*mp.Semaphore)(nil).Release() },
		func() error { return new(mp.BoundedSemaphore).Acquire(ctx) },
		func() error { return (*mp.BoundedSemaphore)(nil).Release() },
		func() error { return new(mp.Cond).Wait(ctx) },
		func() error { return new(mp.Cond).WaitFor(ctx, nil) },
		func() error { return (*mp.Cond)(nil).Notify(1) },
		func() error { return (*mp.Cond)(nil).NotifyAll() },
		func() error { return new(mp.Cond).Acquire(ctx) },
		func() error { return (*mp.Cond)(nil).Release() },
		func() error { _, err := new(mp.Barrier).Wait(ctx); return err },
		func() error { return (*mp.Barrier)(nil).Abort() },
		func() error { return new(mp.Barrier).Reset() },
	} {
		assert.ErrorContains(t, wait(), "not made here")
	}
	for _, misuse := range []func(){
		new(mp.Event).Set, (*mp.Event)(nil).Clear, new(mp.Cond).Lock, (*mp.Cond)(nil).Unlock,
		func() { new(mp.Semaphore).TryAcquire() }, func() { (*mp.BoundedSemaphore)(nil).TryAcquire() },
		func() { new(mp.Cond).TryLock() }, (*mp.Cond)(nil).Repaired,
	} {
		assert.Panics(t, misuse)
	}
	assert.False(t, (*mp.Event)(nil).IsSet())
	assert.Zero(t, new(mp.Semaphore).Value())
	assert.Zero(t, new(mp.BoundedSemaphore).Value())
	assert.False(t, new(mp.Cond).OwnerDied())
	assert.Zero(t, (*mp.Barrier)(nil).Parties())
	assert.Zero(t, new(mp.Barrier).Waiting())
	assert.False(t, new(mp.Barrier).Broken())
	for _, close := range []func() error{
		new(mp.Event).Close, (*mp.Semaphore)(nil).Close, new(mp.BoundedSemaphore).Close, new(mp.Cond).Close, (*mp.Cond)(nil).Close, (*mp.Barrier)(nil).Close,
	} {
		assert.NoError(t, close())
	}
	assert.Contains(t, new(mp.Cond).String()+new(mp.Event).String()+new(mp.Barrier).String()+new(mp.Semaphore).String()+new(mp.BoundedSemaphore).String(), "not made here")
}

// The lock of a condition cannot be closed while it is held.
func TestACondIsNotClosedWithItsLockHeld(t *testing.T) {
	c, err := mp.NewCond(nil)
	require.NoError(t, err)
	c.Lock()
	assert.ErrorIs(t, c.Close(), mp.ErrInUse)
	c.Unlock()
	assert.NoError(t, c.Close())
	assert.NoError(t, c.Close())
	assert.ErrorIs(t, c.Acquire(context.Background()), mp.ErrClosed)
	assert.Contains(t, c.String(), "closed")
}

func threadsHere(t testing.TB) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	return len(tasks)
}

// Thousands that wait cost few threadsHere, and all go when they can.
func TestCrowdsCostFewThreads(t *testing.T) {
	n := 20_000
	if testing.Short() || raceEnabled { // the race detector takes 8128
		n = 2000
	}
	e := made[*mp.Event](t)(mp.NewEvent())
	s := made[*mp.Semaphore](t)(mp.NewSemaphore(0))
	p := made[*mp.BoundedSemaphore](t)(mp.NewBoundedSemaphore(1))
	require.NoError(t, p.Acquire(bounded(t)))
	c := made[*mp.Cond](t)(mp.NewCond(nil))
	ctx := context.Background()
	var registered atomic.Int64 // changed with the lock held
	for name, crowd := range map[string]struct {
		wait func() error
		let  func() error
	}{
		"Event":            {func() error { return e.Wait(ctx) }, func() error { e.Set(); return nil }},
		"BoundedSemaphore": {func() error { return errors.Join(p.Acquire(ctx), p.Release()) }, p.Release},
		"Semaphore": {func() error { return s.Acquire(ctx) }, func() (err error) {
			for range n {
				err = errors.Join(err, s.Release())
			}
			return err
		}},
		"Cond": {func() error {
			c.Lock()
			defer c.Unlock()
			registered.Add(1)
			return c.Wait(ctx)
		}, func() error {
			eventually(t, "all wait", func() bool { return registered.Load() == int64(n) })
			c.Lock()
			defer c.Unlock()
			return c.NotifyAll()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			var running atomic.Int64
			var failed sync.Map
			for range n {
				all.Go(func() {
					running.Add(1)
					if err := crowd.wait(); err != nil {
						failed.Store(err.Error(), true)
					}
				})
			}
			eventually(t, "they run", func() bool { return running.Load() == int64(n) })
			time.Sleep(200 * time.Millisecond)
			assert.Less(t, threadsHere(t), 200)
			assert.NoError(t, crowd.let())
			ended := inBackground(t, func() error { all.Wait(); return nil })
			assert.NoError(t, ended())
			failed.Range(func(text, _ any) bool { return assert.Fail(t, text.(string)) })
		})
	}
	assert.Less(t, threadsHere(t), 200)
}
