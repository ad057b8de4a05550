//go:build linux

package mp_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// faulty is what a process that leaves others alone at a barrier has.
type faulty struct {
	Barrier *mp.Barrier
	Ready   *mp.Semaphore
}

func newFaulty(t testing.TB, parties int, action ...mp.AnyCall) faulty {
	return faulty{
		made[*mp.Barrier](t)(mp.NewBarrier(parties, action...)),
		made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
	}
}

// here waits at the barrier in this process.
func (f faulty) here(t testing.TB) (ended func() error) {
	t.Helper()
	return inBackground(t, func() error {
		index, err := f.Barrier.Wait(context.Background())
		if err != nil && index != -1 {
			return errors.New("an index with an error")
		}
		return err
	})
}

var (
	waitThere = mp.Action(func(ctx context.Context, f faulty) error {
		_, err := f.Barrier.Wait(context.Background())
		return err
	})
	stayAway = mp.Action(func(ctx context.Context, f faulty) error {
		if err := f.Ready.Release(); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
	goAway       = mp.Action(func(context.Context, faulty) error { return nil })
	failThere    = mp.Action(func(context.Context, faulty) error { return errors.New("on purpose") })
	closeThere   = mp.Action(func(_ context.Context, f faulty) error { return errors.Join(f.Barrier.Close(), goKill()) })
	leaveOneWait = mp.Action(func(_ context.Context, f faulty) error {
		go f.Barrier.Wait(context.Background())
		return f.Ready.Acquire(context.Background())
	})
	hangAction = mp.Action(func(ctx context.Context, ready *mp.Semaphore) error {
		if err := ready.Release(); err != nil {
			return err
		}
		time.Sleep(time.Hour)
		return nil
	})
)

func goKill() error {
	exitNow()
	return nil
}

// Who waits for a process that dies is told at once, and so is who comes later.
func TestADeathBreaksTheBarrier(t *testing.T) {
	t.Run("of one who waits", func(t *testing.T) {
		f := newFaulty(t, 3)
		p := launch(t, waitThere.With(f))
		waits := f.here(t)
		eventually(t, "both wait", func() bool { return f.Barrier.Waiting() == 2 })
		require.NoError(t, p.Kill())
		assert.Equal(t, mp.ErrBrokenBarrier, errors.Unwrap(waits()))
		assert.True(t, f.Barrier.Broken())
		assert.ErrorIs(t, f.here(t)(), mp.ErrBrokenBarrier)
		require.NoError(t, f.Barrier.Reset())
		assert.Zero(t, f.Barrier.Waiting())
	})
	t.Run("of one who is still to come", func(t *testing.T) {
		f := newFaulty(t, 2)
		p := launch(t, stayAway.With(f))
		acquired(t, f.Ready, 1)
		waits := f.here(t)
		eventually(t, "one waits", func() bool { return f.Barrier.Waiting() == 1 })
		require.NoError(t, p.Kill())
		assert.ErrorIs(t, waits(), mp.ErrBrokenBarrier)
	})
	t.Run("between rounds", func(t *testing.T) {
		f := newFaulty(t, 2)
		p := launch(t, stayAway.With(f))
		acquired(t, f.Ready, 1)
		require.NoError(t, p.Kill())
		eventually(t, "it breaks", f.Barrier.Broken)
	})
	t.Run("by an error", func(t *testing.T) {
		f := newFaulty(t, 2)
		assert.Error(t, join(t, launch(t, failThere.With(f))))
		eventually(t, "it breaks", f.Barrier.Broken)
	})
	t.Run("in the action", func(t *testing.T) {
		ready := made[*mp.Semaphore](t)(mp.NewSemaphore(0))
		f := newFaulty(t, 2, hangAction.With(ready))
		waits := f.here(t)
		eventually(t, "one waits", func() bool { return f.Barrier.Waiting() == 1 })
		p := launch(t, waitThere.With(f))
		acquired(t, ready, 1)
		require.NoError(t, p.Kill())
		assert.ErrorIs(t, waits(), mp.ErrBrokenBarrier)
	})
}

// Who leaves in good order does not break the barrier, unless it is missed.
func TestAnOrderlyEndBreaksTheBarrierOnlyIfItIsMissed(t *testing.T) {
	f := newFaulty(t, 2)
	assert.NoError(t, join(t, launch(t, goAway.With(f))))
	assert.False(t, f.Barrier.Broken())

	p := launch(t, closeThere.With(f))
	assert.Error(t, join(t, p), "it dies, but has closed its handle before")
	assert.False(t, f.Barrier.Broken())

	p = launch(t, leaveOneWait.With(f))
	eventually(t, "its goroutine waits", func() bool { return f.Barrier.Waiting() == 1 })
	require.NoError(t, f.Ready.Release())
	assert.NoError(t, join(t, p))
	assert.True(t, f.Barrier.Broken())
}

var errAction = errors.New("the action has failed")

var (
	failingAction = mp.Action0(func(context.Context) error { return errAction })
	panicAction   = mp.Action0(func(context.Context) error { panic("at the disco") })
	goexitAction  = mp.Action0(func(context.Context) error { runtime.Goexit(); return nil })
	lateAction    = mp.Action0(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
)

func TestAnActionThatFailsBreaksTheBarrier(t *testing.T) {
	for name, action := range map[string]struct {
		call mp.AnyCall
		text string
	}{
		"error": {failingAction.With(none), "the action has failed"},
		"panic": {panicAction.With(none), "at the disco"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, 2, action.call)
			waits := f.here(t)
			eventually(t, "one waits", func() bool { return f.Barrier.Waiting() == 1 })
			err := f.here(t)()
			assert.ErrorIs(t, err, mp.ErrBrokenBarrier)
			assert.ErrorContains(t, err, action.text)
			err = waits()
			assert.ErrorIs(t, err, mp.ErrBrokenBarrier)
			assert.NotContains(t, err.Error(), action.text)
			assert.True(t, f.Barrier.Broken())
		})
	}
	t.Run("end of the goroutine", func(t *testing.T) {
		f := newFaulty(t, 2, goexitAction.With(none))
		waits := f.here(t)
		eventually(t, "one waits", func() bool { return f.Barrier.Waiting() == 1 })
		go f.Barrier.Wait(context.Background())
		assert.ErrorIs(t, waits(), mp.ErrBrokenBarrier)
	})
	t.Run("time limit", func(t *testing.T) {
		f := newFaulty(t, 1, lateAction.With(none))
		_, err := f.Barrier.Wait(within(t, 10*time.Millisecond))
		assert.ErrorIs(t, err, mp.ErrBrokenBarrier)
		assert.ErrorIs(t, err, mp.ErrTimeout)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// A party that gives up says why; the others only learn that the barrier is broken.
func TestWhoGivesUpBreaksTheBarrier(t *testing.T) {
	f := newFaulty(t, 3)
	waits := f.here(t)
	_, err := f.Barrier.Wait(within(t, 10*time.Millisecond))
	assert.ErrorIs(t, err, mp.ErrBrokenBarrier)
	assert.ErrorIs(t, err, mp.ErrTimeout)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	err = waits()
	assert.ErrorIs(t, err, mp.ErrBrokenBarrier)
	assert.NotErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, f.Barrier.Reset())
	_, err = f.Barrier.Wait(endedContext())
	assert.Equal(t, context.DeadlineExceeded, err)
	assert.False(t, f.Barrier.Broken(), "nothing is changed")
}

func TestNewBarrierRefuses(t *testing.T) {
	for _, parties := range []int{0, -1} {
		_, err := mp.NewBarrier(parties)
		assert.Error(t, err)
	}
	_, err := mp.NewBarrier(1, nothing.With(none), nothing.With(none))
	assert.ErrorContains(t, err, "one action")
	for _, call := range []mp.AnyCall{nil, mp.Call[int]{}} {
		_, err := mp.NewBarrier(1, call)
		assert.ErrorContains(t, err, "no call")
	}
}

// What the action refers to lives as long as the barrier, whoever closes its own.
func TestABarrierHoldsWhatItsActionRefersTo(t *testing.T) {
	before := heap(t)
	ready, err := mp.NewSemaphore(0)
	require.NoError(t, err)
	n, err := mp.NewValue(0)
	require.NoError(t, err)
	b, err := mp.NewBarrier(1, countInAction.With(counted{ready, n, make([]byte, 50_000)}))
	require.NoError(t, err)
	require.NoError(t, errors.Join(ready.Close(), n.Close()))
	held := heap(t)
	for range 3 {
		index, err := b.Wait(bounded(t))
		assert.NoError(t, err)
		assert.Zero(t, index)
	}
	assert.EqualValues(t, 3, countedHere.Load())
	assert.NoError(t, join(t, launch(t, waitThere.With(faulty{Barrier: b}))))
	assert.GreaterOrEqual(t, heap(t), held)
	require.NoError(t, b.Close())
	runtime.GC() // of the handles that the action got
	eventually(t, "it is given back", func() bool { runtime.GC(); return heap(t) <= before+4 })
}

// That goes for what has parts of its own, too: an end of a pipe that goes tells the other.
func TestWhatAnActionRefersToGoesAsAWhole(t *testing.T) {
	before := heap(t)
	recv, send, err := mp.Simplex()
	require.NoError(t, err)
	items, err := mp.NewQueue[[]byte](0)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, items.Put(bounded(t), make([]byte, 100_000)))
	}
	b, err := mp.NewBarrier(1, speakInAction.With(speaker{send, items}))
	require.NoError(t, err)
	require.NoError(t, errors.Join(send.Close(), items.Close()))
	require.NoError(t, b.Close())
	_, err = recv.RecvBytes(bounded(t), 0)
	assert.Equal(t, io.EOF, err)
	require.NoError(t, recv.Close())
	eventually(t, "it is given back", func() bool { runtime.GC(); return heap(t) <= before+4 })
}

type speaker struct {
	To    *mp.Conn
	Items *mp.Queue[[]byte]
}

var speakInAction = mp.Action(func(ctx context.Context, s speaker) error { return s.To.Send(ctx, s.Items.Len()) })

type counted struct {
	Ready *mp.Semaphore
	N     *mp.Value[int]
	Much  []byte
}

var (
	countedHere   atomic.Int64
	countInAction = mp.Action(func(_ context.Context, c counted) error {
		c.N.Update(func(n *int) { *n++ })
		countedHere.Store(int64(c.N.Load()))
		return c.Ready.Release()
	})
)

// There can be more goroutines than parties: each round takes as many as it needs, and
// of each that is completed there is every index once.
func TestMoreThanThePartiesCanWait(t *testing.T) {
	b := made[*mp.Barrier](t)(mp.NewBarrier(4, lingerABit.With(none)))
	var indexes [4]atomic.Int64
	var ends []func() error
	for range 10 {
		ends = append(ends, inBackground(t, func() error {
			for {
				index, err := b.Wait(context.Background())
				if err != nil {
					return err
				}
				indexes[index].Add(1)
			}
		}))
	}
	eventually(t, "many rounds are over", func() bool { return indexes[0].Load() >= 300 })
	require.NoError(t, b.Abort())
	for _, ended := range ends {
		assert.ErrorIs(t, ended(), mp.ErrBrokenBarrier)
	}
	for i := range indexes {
		assert.Equal(t, indexes[0].Load(), indexes[i].Load(), "index %d", i)
	}
	assert.Zero(t, b.Waiting())
}
