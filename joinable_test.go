//go:build linux

package mp_test

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// A crew works off a queue.
type crew struct {
	Q     *mp.JoinableQueue[int]
	Done  *mp.RawValue[atomic.Int32]
	Pause time.Duration
	Ready *mp.Semaphore
}

func newCrew(t testing.TB, capacity int) crew {
	return crew{
		Q:     made[*mp.JoinableQueue[int]](t)(mp.NewJoinableQueue[int](capacity)),
		Done:  made[*mp.RawValue[atomic.Int32]](t)(mp.NewRawValue(atomic.Int32{})),
		Ready: made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
	}
}

// done is how many items the crew is done with.
func (c crew) done() int {
	n, release := c.Done.Ptr()
	defer release()
	return int(n.Load())
}

var (
	workOff = mp.Action(func(ctx context.Context, c crew) error {
		n, release := c.Done.Ptr()
		defer release()
		for _, err := range c.Q.All(ctx) {
			if err != nil {
				return err
			}
			time.Sleep(c.Pause)
			n.Add(1)
			if err := c.Q.TaskDone(); err != nil {
				return err
			}
		}
		return nil
	})
	// takeAndHang takes one item and is never done with it.
	takeAndHang = mp.Action(func(ctx context.Context, c crew) error {
		if _, err := c.Q.Get(ctx); err != nil {
			return err
		}
		if err := c.Ready.Release(); err != nil {
			return err
		}
		time.Sleep(time.Hour)
		return nil
	})
	takeOne = mp.Action(func(ctx context.Context, c crew) error {
		_, err := c.Q.Get(ctx)
		return err
	})
	// The others say that they are about to wait, and do.
	joinIt = mp.Action(func(ctx context.Context, c crew) error {
		if err := c.Ready.Release(); err != nil {
			return err
		}
		return c.Q.Join(ctx)
	})
	putIt = mp.Action(func(ctx context.Context, c crew) error {
		if err := c.Ready.Release(); err != nil {
			return err
		}
		return c.Q.Put(ctx, 1)
	})
	getIt = mp.Action(func(ctx context.Context, c crew) error {
		if err := c.Ready.Release(); err != nil {
			return err
		}
		_, err := c.Q.Get(ctx)
		return err
	})
)

func TestQUEUE06_JoinReturnsWhenAllAreDone(t *testing.T) {
	c := newCrew(t, 0)
	c.Pause = 100 * time.Millisecond
	var crew []*mp.Process
	for range 4 {
		crew = append(crew, launch(t, workOff.With(c)))
	}
	for i := range 10 {
		require.NoError(t, c.Q.Put(t.Context(), i))
	}
	require.NoError(t, c.Q.Join(bounded(t)))
	assert.Equal(t, 10, c.done())
	require.NoError(t, c.Q.Shutdown(false))
	for _, p := range crew {
		assert.NoError(t, join(t, p))
	}
	assert.NoError(t, c.Q.Join(bounded(t)), "nobody has been killed")
}

func TestQUEUE07_TaskDoneTooOften(t *testing.T) {
	c := newCrew(t, 0)
	require.NoError(t, c.Q.Join(bounded(t)), "a new queue")
	assert.ErrorIs(t, c.Q.TaskDone(), mp.ErrNotTaken)
	require.NoError(t, c.Q.Put(t.Context(), 1))
	assert.ErrorIs(t, c.Q.TaskDone(), mp.ErrNotTaken, "it has not been taken")
	_, err := c.Q.Get(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Q.TaskDone())
	assert.ErrorIs(t, c.Q.TaskDone(), mp.ErrNotTaken)
	require.NoError(t, c.Q.Join(bounded(t)))
}

func TestJoinEndsWithItsContext(t *testing.T) {
	c := newCrew(t, 0)
	require.NoError(t, c.Q.Put(t.Context(), 1))
	timed(t, c.Q.Join)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	assert.ErrorIs(t, c.Q.Join(ctx), context.Canceled)
	_, err := c.Q.Get(t.Context())
	require.NoError(t, err)
	timed(t, c.Q.Join)
	require.NoError(t, c.Q.TaskDone())
	require.NoError(t, c.Q.Join(bounded(t)))
}

func TestJoinEndsWithItsHandle(t *testing.T) {
	q, err := mp.NewJoinableQueue[int](0)
	require.NoError(t, err)
	require.NoError(t, q.Put(t.Context(), 1))
	ended := inBackground(t, func() error { return q.Join(bounded(t)) })
	require.NoError(t, q.Close())
	assert.ErrorIs(t, ended(), mp.ErrClosed)
}

var simpleTwice = mp.Action(func(ctx context.Context, q *mp.SimpleQueue[bool]) error {
	for range 2 {
		if err := q.Put(q.Empty()); err != nil {
			return err
		}
	}
	return nil
})

func TestQUEUE12_SimpleQueue(t *testing.T) {
	q, err := mp.NewSimpleQueue[bool]()
	require.NoError(t, err)
	assert.True(t, q.Empty())
	require.NoError(t, join(t, launch(t, simpleTwice.With(q))))
	assert.False(t, q.Empty())
	for _, want := range []bool{true, false} {
		v, err := q.Get(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, v)
	}
	assert.True(t, q.Empty())
	runsOut(t, mp.ErrEmpty, func(ctx context.Context) error { _, err := q.Get(ctx); return err })
	require.NoError(t, q.Close())
	require.NoError(t, q.Close())
	assert.True(t, q.Empty())
	assert.ErrorIs(t, q.Put(true), mp.ErrClosed)
	_, err = q.Get(t.Context())
	assert.ErrorIs(t, err, mp.ErrClosed)
	var none *mp.SimpleQueue[bool]
	assert.Error(t, none.Put(true))
	assert.NoError(t, none.Close())
}

// shutDown checks what a process that has waited for the queue, or comes later, gets.
func shutDown(t testing.TB, p *mp.Process) {
	t.Helper()
	assert.ErrorIs(t, join(t, p), mp.ErrClosed)
}

func TestQUEUE13_ShutdownOfAnEmptyQueue(t *testing.T) {
	for _, immediate := range []bool{false, true} {
		c := newCrew(t, 0)
		getter := launch(t, getIt.With(c))
		joiner := launch(t, joinIt.With(c))
		acquired(t, c.Ready, 2)
		require.NoError(t, c.Q.Shutdown(immediate))
		require.NoError(t, c.Q.Shutdown(immediate))
		shutDown(t, getter)
		assert.NoError(t, join(t, joiner), "everything is done")
		shutDown(t, launch(t, getIt.With(c)))
		shutDown(t, launch(t, putIt.With(c)))
		assert.NoError(t, join(t, launch(t, joinIt.With(c))))
		for _, err := range c.Q.All(bounded(t)) {
			assert.Fail(t, "there is nothing", err)
		}
	}
}

func TestQUEUE14_ShutdownOfAQueueWithItems(t *testing.T) {
	c := newCrew(t, 1)
	require.NoError(t, c.Q.Put(t.Context(), 7))
	putter := launch(t, putIt.With(c))
	joiner := launch(t, joinIt.With(c))
	joined := inBackground(t, func() error { return c.Q.Join(bounded(t)) })
	acquired(t, c.Ready, 2)
	require.NoError(t, c.Q.Shutdown(false))
	shutDown(t, putter)
	assert.Equal(t, 1, c.Q.Len())
	assert.ErrorIs(t, c.Q.TryPut(8), mp.ErrClosed)
	timed(t, c.Q.Join)
	v, err := c.Q.Get(bounded(t))
	require.NoError(t, err)
	assert.Equal(t, 7, v)
	_, err = c.Q.Get(bounded(t))
	assert.ErrorIs(t, err, mp.ErrClosed)
	_, err = c.Q.TryGet()
	assert.ErrorIs(t, err, mp.ErrClosed)
	shutDown(t, launch(t, getIt.With(c)))
	timed(t, c.Q.Join)
	assert.True(t, joiner.Alive())
	require.NoError(t, c.Q.TaskDone())
	assert.NoError(t, joined())
	assert.NoError(t, join(t, joiner))
}

// What is left can be got in another process, too.
func TestQUEUE14_AChildGetsWhatIsLeft(t *testing.T) {
	c := newCrew(t, 0)
	for i := range 3 {
		require.NoError(t, c.Q.Put(t.Context(), i))
	}
	require.NoError(t, c.Q.Shutdown(false))
	require.NoError(t, join(t, launch(t, workOff.With(c))))
	assert.Equal(t, 3, c.done())
	require.NoError(t, c.Q.Join(bounded(t)))
}

func TestQUEUE15_ImmediateShutdown(t *testing.T) {
	c := newCrew(t, 3)
	for i := range 3 {
		require.NoError(t, c.Q.Put(t.Context(), i))
	}
	putter := launch(t, putIt.With(c))
	joiner := launch(t, joinIt.With(c))
	acquired(t, c.Ready, 2)
	_, err := c.Q.Get(t.Context()) // which is unfinished then
	require.NoError(t, err)
	require.NoError(t, c.Q.Shutdown(true))
	err = join(t, putter) // there was room for its item for a moment
	if err != nil {
		assert.ErrorIs(t, err, mp.ErrClosed)
	}
	assert.Zero(t, c.Q.Len())
	_, err = c.Q.Get(bounded(t))
	assert.ErrorIs(t, err, mp.ErrClosed)
	shutDown(t, launch(t, getIt.With(c)))
	timed(t, c.Q.Join)
	assert.True(t, joiner.Alive(), "one item has been handed out")
	require.NoError(t, c.Q.TaskDone())
	require.NoError(t, c.Q.Join(bounded(t)))
	assert.NoError(t, join(t, joiner))
	assert.ErrorIs(t, c.Q.TaskDone(), mp.ErrNotTaken)
}

func TestQUEUE15_JoinersOfDroppedItemsGoOn(t *testing.T) {
	c := newCrew(t, 0)
	for i := range 3 {
		require.NoError(t, c.Q.Put(t.Context(), i))
	}
	joiner := launch(t, joinIt.With(c))
	acquired(t, c.Ready, 1)
	timed(t, c.Q.Join)
	assert.True(t, joiner.Alive())
	require.NoError(t, c.Q.Shutdown(true))
	assert.NoError(t, join(t, joiner), "the items are gone, and nobody has lost them")
	assert.Zero(t, c.Q.Len())
	assert.ErrorIs(t, c.Q.TaskDone(), mp.ErrNotTaken)
}

// Consumers that end, in whatever way, with items that they are not done with: Join
// says how many.
func TestConsumersThatEndWithUndoneItems(t *testing.T) {
	c := newCrew(t, 0)
	for i := range 5 {
		require.NoError(t, c.Q.Put(t.Context(), i))
	}
	var victims []*mp.Process
	for range 3 {
		victims = append(victims, launch(t, takeAndHang.With(c)))
	}
	acquired(t, c.Ready, 3)
	joined := inBackground(t, func() error { return c.Q.Join(bounded(t)) })
	for _, p := range victims {
		_ = syscall.Kill(p.PID(), syscall.SIGKILL)
	}
	require.NoError(t, join(t, launch(t, takeOne.With(c))), "this one returns")
	require.NoError(t, c.Q.Shutdown(false))
	require.NoError(t, join(t, launch(t, workOff.With(c))))
	var lost *mp.LostItemsError
	require.ErrorAs(t, joined(), &lost)
	assert.Equal(t, 4, lost.N)
	require.ErrorAs(t, c.Q.Join(bounded(t)), &lost)
	assert.Equal(t, 4, lost.N)
	assert.ErrorContains(t, lost, "4 items were taken by processes")
	assert.ErrorContains(t, &mp.LostItemsError{N: 1}, "1 item was taken by a process")
	assert.Equal(t, 1, c.done())
}

// Consumers are killed at random moments: Join returns, and what was done and what
// is lost is all that there was.
func TestJoinThoughConsumersAreKilled(t *testing.T) {
	rng := random(t)
	before := heap(t)
	rounds := max(kills(t)/20, 1)
	for range rounds {
		c := newCrew(t, 0)
		const n = 1000
		var crew []*mp.Process
		for range 3 {
			crew = append(crew, launch(t, workOff.With(c)))
		}
		for i := range n {
			require.NoError(t, c.Q.Put(t.Context(), i))
		}
		killed := 0
		for killed < 8 && c.Q.Len() > 0 {
			time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond) // the moment is what varies
			i := rng.IntN(len(crew))
			_ = syscall.Kill(crew[i].PID(), syscall.SIGKILL)
			crew[i] = launch(t, workOff.With(c))
			killed++
		}
		err := c.Q.Join(bounded(t))
		var lost *mp.LostItemsError
		if !errors.As(err, &lost) {
			require.NoError(t, err)
			lost = new(mp.LostItemsError)
		}
		// A consumer killed between its count and TaskDone has done one that is lost.
		assert.LessOrEqual(t, lost.N, killed)
		assert.GreaterOrEqual(t, c.done()+lost.N, n)
		assert.LessOrEqual(t, c.done(), n)
		require.NoError(t, c.Q.Shutdown(false))
		for _, p := range crew {
			assert.NoError(t, join(t, p))
		}
		require.NoError(t, c.Q.Close())
		require.NoError(t, c.Done.Close())
		require.NoError(t, c.Ready.Close())
	}
	settled(t, before)
}
