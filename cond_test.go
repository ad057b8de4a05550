//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// condParty is one who waits for a condition.
type condParty struct {
	Cond   *mp.Cond
	Ready  *mp.Semaphore // released with the lock held: who has the lock after that knows that it waits
	Woken  *mp.Semaphore
	Millis int // how long to wait; 0: without end
}

func newCondParty(t testing.TB) condParty {
	return condParty{
		Cond:  made[*mp.Cond](t)(mp.NewCond(nil)),
		Ready: made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
		Woken: made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
	}
}

// wait waits once, and says so if it was notified or the time is up.
func (p condParty) wait(ctx context.Context) error {
	if p.Millis > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(p.Millis)*time.Millisecond)
		defer cancel()
		ctx = limited
	}
	p.Cond.Lock()
	defer p.Cond.Unlock()
	if err := p.Ready.Release(); err != nil {
		return err
	}
	err := p.Cond.Wait(ctx)
	if p.Millis > 0 && errors.Is(err, mp.ErrTimeout) {
		err = nil
	}
	return errors.Join(err, p.Woken.Release())
}

var waitForCond = mp.Action(func(ctx context.Context, p condParty) error { return p.wait(ctx) })

// crowd starts processes and goroutines that wait, and waits until they do.
func (p condParty) crowd(t testing.TB, processes, goroutines int) (join func()) {
	t.Helper()
	var ends []func() error
	for range processes {
		child := launch(t, waitForCond.With(p))
		ends = append(ends, func() error { return child.Join(bounded(t)) })
	}
	for range goroutines {
		ends = append(ends, inBackground(t, func() error { return p.wait(context.Background()) }))
	}
	acquired(t, p.Ready, processes+goroutines)
	return func() {
		t.Helper()
		for _, ended := range ends {
			assert.NoError(t, ended())
		}
	}
}

func (p condParty) notify(t testing.TB, n int) {
	t.Helper()
	p.Cond.Lock()
	defer p.Cond.Unlock()
	if n < 0 {
		require.NoError(t, p.Cond.NotifyAll())
		return
	}
	require.NoError(t, p.Cond.Notify(n))
}

// woken checks that n have been woken since, and nobody else.
func (p condParty) woken(t testing.TB, n int) {
	t.Helper()
	acquired(t, p.Woken, n)
	time.Sleep(100 * time.Millisecond)
	assert.Zero(t, p.Woken.Value(), "more have been woken")
}

func TestCOND01_EachNotifyWakesOne(t *testing.T) {
	p := newCondParty(t)
	end := p.crowd(t, 1, 1)
	p.woken(t, 0)
	p.notify(t, 1)
	p.woken(t, 1)
	p.notify(t, 1)
	p.woken(t, 1)
	end()
}

func TestCOND02_NotifyAllWakesAll(t *testing.T) {
	p := newCondParty(t)
	limited := p
	limited.Millis = 100
	end := limited.crowd(t, 3, 3)
	p.woken(t, 6)
	end()

	end = p.crowd(t, 3, 3)
	p.woken(t, 0)
	p.notify(t, -1)
	p.woken(t, 6)
	end()

	end = p.crowd(t, 1, 1)
	p.notify(t, 1)
	p.woken(t, 1)
	p.notify(t, 1)
	p.woken(t, 1)
	end()
}

func TestCOND03_NotifyWakesSoMany(t *testing.T) {
	p := newCondParty(t)
	end := p.crowd(t, 3, 3)
	p.notify(t, 0)
	p.woken(t, 0)
	p.notify(t, 2)
	p.woken(t, 2)
	p.notify(t, 4)
	p.woken(t, 4)
	end()
	p.notify(t, 3)
	end = p.crowd(t, 1, 1)
	p.woken(t, 0)
	p.notify(t, 5)
	p.woken(t, 2)
	end()
}

func TestCOND04_WaitEndsWithTheTimeAndHasTheLock(t *testing.T) {
	c := made[*mp.Cond](t)(mp.NewCond(nil))
	c.Lock()
	timed(t, c.Wait)
	assert.NoError(t, c.Release())
	assert.ErrorIs(t, c.Release(), mp.ErrNotOwner)
}

// fourth waits until the value is 4.
type fourth struct {
	Cond  *mp.Cond
	Value *mp.Value[int]
	Ready *mp.Event
}

var awaitFour = mp.Action(func(ctx context.Context, f fourth) error {
	f.Cond.Lock()
	defer f.Cond.Unlock()
	f.Ready.Set()
	err := f.Cond.WaitFor(ctx, func() bool { return f.Value.Load() == 4 })
	if n := f.Value.Load(); err == nil && n != 4 {
		return fmt.Errorf("the value is %d", n)
	}
	return err
})

func newFourth(t testing.TB) fourth {
	c := made[*mp.Cond](t)(mp.NewCond(nil))
	return fourth{
		c,
		made[*mp.Value[int]](t)(mp.NewValue(0, mp.WithLock(c))),
		made[*mp.Event](t)(mp.NewEvent()),
	}
}

// count adds one and notifies, n times.
func (f fourth) count(t testing.TB, n int) {
	t.Helper()
	require.NoError(t, f.Ready.Wait(bounded(t)))
	for range n {
		time.Sleep(10 * time.Millisecond)
		f.Cond.Lock()
		f.Value.Update(func(n *int) { *n++ })
		require.NoError(t, f.Cond.Notify(1))
		f.Cond.Unlock()
	}
}

func TestCOND05_WaitForWaitsForAValue(t *testing.T) {
	f := newFourth(t)
	p := launch(t, awaitFour.With(f))
	f.count(t, 4)
	assert.NoError(t, join(t, p))
}

var awaitFourInTime = mp.Action(func(ctx context.Context, f fourth) error {
	f.Cond.Lock()
	defer f.Cond.Unlock()
	const limit = 100 * time.Millisecond
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	f.Ready.Set()
	err := f.Cond.WaitFor(limited, func() bool { return f.Value.Load() == 4 })
	if took := time.Since(start); took < limit-20*time.Millisecond || !errors.Is(err, mp.ErrTimeout) {
		return fmt.Errorf("after %v: %w", took, err)
	}
	return nil
})

func TestCOND06_WaitForEndsWithTheTime(t *testing.T) {
	f := newFourth(t)
	p := launch(t, awaitFourInTime.With(f))
	f.count(t, 3)
	assert.NoError(t, join(t, p))
}

func TestCOND07_OnlyANotificationEndsAWaitWell(t *testing.T) {
	p := newCondParty(t)
	p.Cond.Lock()
	assert.Equal(t, context.DeadlineExceeded, p.Cond.Wait(endedContext()))
	timed(t, p.Cond.Wait)
	p.Cond.Unlock()

	signals := make(chan os.Signal, 100)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	end := p.crowd(t, 0, 1)
	for range 20 {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
		<-signals
	}
	p.woken(t, 0)
	p.notify(t, 1)
	p.woken(t, 1)
	end()
}

func TestCOND08_TheLockMustBeHeld(t *testing.T) {
	never := func() bool { assert.Fail(t, "pred has been called"); return true }
	for _, c := range []*mp.Cond{
		made[*mp.Cond](t)(mp.NewCond(nil)),
		made[*mp.Cond](t)(mp.NewCond(made[*mp.Lock](t)(mp.NewLock()))),
	} {
		assert.ErrorIs(t, c.Wait(context.Background()), mp.ErrNotOwner)
		assert.ErrorIs(t, c.WaitFor(context.Background(), never), mp.ErrNotOwner)
		assert.ErrorIs(t, c.Notify(1), mp.ErrNotOwner)
		assert.ErrorIs(t, c.NotifyAll(), mp.ErrNotOwner)
	}
	c := made[*mp.Cond](t)(mp.NewCond(nil))
	c.Lock()
	assert.ErrorIs(t, inBackground(t, func() error { return c.Notify(1) })(), mp.ErrNotOwner, "another goroutine has it")
	assert.Error(t, c.Notify(-1))
	c.Unlock()
}

// deep waits with the lock taken three times.
func deep(ctx context.Context, p condParty) error {
	for range 3 {
		p.Cond.Lock()
	}
	if err := p.Ready.Release(); err != nil {
		return err
	}
	if err := p.Cond.Wait(ctx); err != nil {
		return err
	}
	for i := range 3 {
		if err := p.Cond.Release(); err != nil {
			return fmt.Errorf("release %d: %w", i, err)
		}
	}
	if err := p.Cond.Release(); !errors.Is(err, mp.ErrNotOwner) {
		return fmt.Errorf("the lock was taken more often than before: %v", err)
	}
	return nil
}

var waitDeep = mp.Action(deep)

func TestCOND09_WhoWaitsHasNoLock(t *testing.T) {
	p := newCondParty(t)
	child := launch(t, waitDeep.With(p))
	here := inBackground(t, func() error { return deep(context.Background(), p) })
	acquired(t, p.Ready, 2)
	require.NoError(t, p.Cond.Acquire(bounded(t)))
	require.NoError(t, p.Cond.NotifyAll())
	p.Cond.Unlock()
	assert.NoError(t, here())
	assert.NoError(t, join(t, child))
}

func TestCOND10_TheLockCanBeGiven(t *testing.T) {
	value := made[*mp.Value[int]](t)(mp.NewValue(0))
	for name, l := range map[string]mp.Locker{
		"lock":       made[*mp.Lock](t)(mp.NewLock()),
		"rlock":      made[*mp.RLock](t)(mp.NewRLock()),
		"value":      value,
		"of a value": made[*mp.Value[int]](t)(mp.NewValue(0, mp.WithLock(value))),
		"condition":  made[*mp.Cond](t)(mp.NewCond(nil)),
	} {
		t.Run(name, func(t *testing.T) {
			p := newCondParty(t)
			p.Cond = made[*mp.Cond](t)(mp.NewCond(l))
			end := p.crowd(t, 1, 1)
			l.Lock()
			require.NoError(t, p.Cond.NotifyAll())
			l.Unlock()
			p.woken(t, 2)
			end()
		})
	}
	array := made[*mp.Array[int]](t)(mp.NewArray[int](3))
	_, err := mp.NewCond(array)
	assert.Error(t, err, "it has memory, and cannot be held by a condition")
	l, err := mp.NewLock()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = mp.NewCond(l)
	assert.ErrorIs(t, err, mp.ErrClosed)
	assert.EqualError(t, err, "mp: NewCond: the lock given has been closed")
	_, err = mp.NewCond(new(mp.Lock))
	assert.ErrorContains(t, err, "mp: NewCond: the lock given was not made here: ")
	made[*mp.Cond](t)(mp.NewCond((*mp.Lock)(nil))) // no lock is one of its own
}

// A condition's waiters get as many notifications as there are, whoever comes and
// goes meanwhile.
func TestNotificationsAndWaitersAgree(t *testing.T) {
	c := made[*mp.Cond](t)(mp.NewCond(nil))
	before := heap(t)
	var tokens, got atomic.Int64
	var ends []func() error
	done := false
	for i := range 20 {
		ends = append(ends, inBackground(t, func() error {
			c.Lock()
			defer c.Unlock()
			for !done {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%4+1)*time.Millisecond)
				err := c.WaitFor(ctx, func() bool { return tokens.Load() > 0 || done })
				cancel()
				if err == nil && tokens.Load() > 0 {
					tokens.Add(-1)
					got.Add(1)
				}
			}
			return nil
		}))
	}
	const n = 2000
	for i := range n {
		c.Lock()
		tokens.Add(1)
		assert.NoError(t, c.Notify(i%3))
		c.Unlock()
	}
	eventually(t, "all tokens are taken", func() bool { return got.Load() == n })
	c.Lock()
	done = true
	assert.NoError(t, c.NotifyAll())
	c.Unlock()
	for _, ended := range ends {
		assert.NoError(t, ended())
	}
	settled(t, before)
}
