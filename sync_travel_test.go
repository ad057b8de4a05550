//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// luggage is one of each.
type luggage struct {
	Event   *mp.Event
	Units   *mp.Semaphore
	Permits *mp.BoundedSemaphore
	Cond    *mp.Cond
	Barrier *mp.Barrier
	Counter *mp.Counter
	Once    *mp.Once
	Nothing *mp.Cond
}

func (l luggage) close() error {
	return errors.Join(l.Event.Close(), l.Units.Close(), l.Permits.Close(), l.Cond.Close(), l.Barrier.Close(), l.Counter.Close(), l.Once.Close())
}

var useLuggage = mp.Action(func(ctx context.Context, l luggage) error {
	if l.Nothing != nil {
		return errors.New("nil has arrived as something")
	}
	l.Event.Set()
	l.Counter.Add(1)
	waits := make(chan error, 1)
	l.Cond.Lock()
	go func() {
		l.Cond.Lock()
		defer l.Cond.Unlock()
		waits <- l.Cond.Notify(1)
	}()
	err := l.Cond.Wait(ctx)
	l.Cond.Unlock()
	index, met := l.Barrier.Wait(ctx)
	if index != 0 || l.Units.Value() != 3 || !l.Event.IsSet() {
		return fmt.Errorf("%d %v %v", index, l.Units, l.Event)
	}
	return errors.Join(err, <-waits, met, l.Units.Acquire(ctx), l.Event.Wait(ctx),
		l.Permits.Acquire(ctx), l.Permits.Release(), l.Once.Do(ctx, func() error { return nil }), l.close())
})

// What a process has received works though the sender has closed its own, and in the
// end nothing is left.
func TestWhatSynchronizesOutlivesItsSender(t *testing.T) {
	before := heap(t)
	lock, err := mp.NewLock()
	require.NoError(t, err)
	l := luggage{
		Event: mp.Must(mp.NewEvent()), Units: mp.Must(mp.NewSemaphore(3)), Permits: mp.Must(mp.NewBoundedSemaphore(1)),
		Cond: mp.Must(mp.NewCond(lock)), Barrier: mp.Must(mp.NewBarrier(1, nothing.With(none))),
		Counter: mp.Must(mp.NewCounter(0)), Once: mp.Must(mp.NewOnce()),
	}
	p := launch(t, useLuggage.With(l))
	require.NoError(t, errors.Join(l.close(), lock.Close()))
	assert.NoError(t, join(t, p))
	settled(t, before)

	assert.ErrorIs(t, mp.NewProcess(useLuggage.With(l)).Start(), mp.ErrClosed, "closed handles do not travel")
}

// leftWaiting leaves a goroutine that waits for a condition, and ends in good order
// when it is told to.
var leftWaiting = mp.Action(func(ctx context.Context, p condParty) error {
	go func() {
		p.Cond.Lock()
		_ = p.Ready.Release()
		_ = p.Cond.Wait(context.Background())
		time.Sleep(time.Hour) // with the lock
	}()
	return p.Woken.Acquire(ctx)
})

// A waiter whose process ends in good order is no waiter any more.
func TestAnOrderlyEndWithAWaiter(t *testing.T) {
	p := newCondParty(t)
	before := heap(t)
	child := launch(t, leftWaiting.With(p))
	acquired(t, p.Ready, 1)
	require.NoError(t, p.Cond.Acquire(bounded(t))) // it waits
	p.Cond.Unlock()
	require.NoError(t, p.Woken.Release())
	assert.NoError(t, join(t, child))
	settled(t, before)
	end := p.crowd(t, 0, 1)
	p.notify(t, 1)
	p.woken(t, 1)
	end()
}
