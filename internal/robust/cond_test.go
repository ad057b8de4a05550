//go:build linux

package robust

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
)

// crowd is a condition with some handles, as if they were of several processes, each
// of which has waiters.
type crowd struct {
	o       *shm.Object
	conds   []*Cond
	waiters []*Waiter
	woken   atomic.Int64
	ends    chan error
}

func newCrowd(t testing.TB, handles, each int) *crowd {
	t.Helper()
	c := &crowd{o: object(t, shm.Spec{Kind: KindCond}), ends: make(chan error, handles*each)}
	for range handles {
		cond := new(Cond)
		handle(t, &cond.H, c.o)
		c.conds = append(c.conds, cond)
		for range each {
			w, err := cond.Register()
			require.NoError(t, err)
			c.waiters = append(c.waiters, w)
			go func() {
				err := w.Wait(bounded(t))
				c.woken.Add(1)
				c.ends <- err
			}()
		}
	}
	return c
}

// check waits until so many have been woken, and finishes all in the end.
func (c *crowd) check(t testing.TB, want int) {
	t.Helper()
	eventually(t, "they are woken", func() bool { return c.woken.Load() >= int64(want) })
	assert.EqualValues(t, want, c.woken.Load())
}

func (c *crowd) finish(t testing.TB) {
	t.Helper()
	for range c.waiters {
		assert.NoError(t, <-c.ends)
	}
	for _, w := range c.waiters {
		w.Finish(true)
	}
	assert.Zero(t, atomic.LoadUint32(c.o.Word(ringNext)), "the ring is empty")
	assert.Zero(t, atomic.LoadUint32(c.o.Word(ringOwed)))
}

// total adds up a word of all seats.
func (c *crowd) total(t testing.TB, field uint64) (n int) {
	t.Helper()
	require.NoError(t, c.o.Units(func(t *shm.Tx, _ uint64) error {
		first := t.Load(c.o.At() + ringNext)
		for s := first; s != 0; {
			n += int(t.Load(t.At(s) + field))
			if s = t.Load(t.At(s) + seatAfter); s == first {
				break
			}
		}
		return nil
	}))
	return n
}

// More seats than fit into a transaction are notified all the same, and no more
// waiters than were asked for.
func TestNotifyManySeats(t *testing.T) {
	const handles, each = 3*atOnce + 1, 2
	c := newCrowd(t, handles, each)
	assert.Equal(t, handles*each, c.total(t, seatWaiting))
	notified := 0
	for _, n := range []int{1, 2, atOnce, 2*atOnce + 1, 0, 1} {
		require.NoError(t, c.conds[0].Notify(n))
		notified += n
		assert.Equal(t, notified, c.total(t, seatGiven))
		assert.Equal(t, handles*each-notified, c.total(t, seatWaiting))
		c.check(t, notified)
	}
	require.NoError(t, c.conds[0].Notify(Everybody))
	assert.Zero(t, c.total(t, seatWaiting))
	c.check(t, handles*each)
	c.finish(t)
}

// All seats have their turn.
func TestNotifyGoesRound(t *testing.T) {
	c := newCrowd(t, 3, 3)
	for range 3 {
		require.NoError(t, c.conds[0].Notify(1))
	}
	c.check(t, 3)
	for i, w := range c.waiters {
		w.c.mu.Lock()
		assert.Equal(t, i%3 == 0, w.notified, "waiter %d", i)
		w.c.mu.Unlock()
	}
	require.NoError(t, c.conds[0].Notify(Everybody))
	c.finish(t)
}

// A seat that is given up hands on what its waiters have not used: to as many others
// as fit into the transaction, and by them to the others.
func TestWhatIsNotUsedIsPassedOn(t *testing.T) {
	const many = 2*atOnce + 3
	c := newCrowd(t, 1, many)
	first := c.conds[0]
	require.NoError(t, first.Notify(Everybody))
	c.check(t, many)
	var woken atomic.Int64
	for range many + 2 {
		cond := new(Cond)
		handle(t, &cond.H, c.o)
		w, err := cond.Register()
		require.NoError(t, err)
		go func() {
			err := w.Wait(bounded(t))
			woken.Add(1)
			if err == nil {
				w.Finish(true)
			}
			c.ends <- err
		}()
	}
	// As when the process dies now: nobody has used its notification.
	first.mu.Lock()
	seat := first.ring.o
	require.NoError(t, seat.Drop())
	first.mu.Unlock()
	eventually(t, "as many others are woken", func() bool { return woken.Load() == many })
	assert.Equal(t, 2, c.total(t, seatWaiting))
	require.NoError(t, first.Notify(Everybody))
	for range many + many + 2 {
		assert.NoError(t, <-c.ends)
	}
	eventually(t, "the ring is empty", func() bool { return atomic.LoadUint32(c.o.Word(ringNext)) == 0 })
	assert.Zero(t, atomic.LoadUint32(c.o.Word(ringOwed)))
}

// One who could not get its lock again passes its notification on.
func TestAWaiterWithoutItsLockPassesOn(t *testing.T) {
	c := newCrowd(t, 2, 1)
	require.NoError(t, c.conds[0].Notify(1))
	c.check(t, 1)
	assert.NoError(t, <-c.ends)
	c.waiters[0].Finish(false)
	c.check(t, 2)
	assert.NoError(t, <-c.ends)
	c.waiters[1].Finish(true)
	assert.Zero(t, atomic.LoadUint32(c.o.Word(ringNext)))
}

// A waiter that gives up just when it is notified has been notified.
func TestGivingUpAndBeingNotified(t *testing.T) {
	c := newCrowd(t, 1, 0)
	cond := c.conds[0]
	a, err := cond.Register()
	require.NoError(t, err)
	b, err := cond.Register()
	require.NoError(t, err)
	// Before the watcher has handed it out:
	cond.mu.Lock()
	require.NoError(t, cond.Notify(1))
	require.NoError(t, b.giveUp())
	assert.False(t, b.notified, "it was for the first")
	assert.True(t, a.notified)
	cond.mu.Unlock()
	assert.NoError(t, a.Wait(bounded(t)))
	b.Finish(false)
	a.Finish(true)
	eventually(t, "the ring is empty", func() bool { return atomic.LoadUint32(c.o.Word(ringNext)) == 0 })
}
