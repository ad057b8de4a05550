//go:build linux

package mp_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// accounts are values that only agree while their common lock is held.
type accounts struct {
	Lock *mp.RLock
	From *mp.Value[int]
	To   *mp.Value[multiples] // of more than 8 bytes
	Book *mp.Array[int]
}

var transfer = mp.Action(func(_ context.Context, a accounts) error {
	for range 500 {
		a.Lock.Lock()
		a.From.Update(func(x *int) { *x-- })
		a.To.Update(func(m *multiples) { *m = multiplesOf(m[0] + 1) })
		a.Book.Set(1, a.Book.At(1)+1)
		a.Lock.Unlock()
	}
	return nil
})

func TestSeveralValuesUnderOneLock(t *testing.T) {
	l := made[*mp.RLock](t)(mp.NewRLock())
	a := accounts{
		l, made[*mp.Value[int]](t)(mp.NewValue(1500, mp.WithLock(l))),
		made[*mp.Value[multiples]](t)(mp.NewValue(multiples{}, mp.WithLock(l))),
		made[*mp.Array[int]](t)(mp.NewArray[int](3, mp.WithLock(l))),
	}
	var processes []*mp.Process
	for range 3 {
		processes = append(processes, launch(t, transfer.With(a)))
	}
	agree := func() {
		a.From.Lock() // whichever of them
		defer a.To.Unlock()
		assert.EqualValues(t, 1500, int64(a.From.Load())+a.To.Load()[0])
		assert.Equal(t, 1500, a.From.Load()+a.Book.At(1))
	}
	for range 200 {
		agree()
	}
	for _, p := range processes {
		require.NoError(t, join(t, p))
	}
	agree()
	assert.Zero(t, a.From.Load())
}

// sharedLocks are the same lock, by several names.
type sharedLocks struct {
	V    *mp.Value[int]
	W    *mp.Value[int]
	A    *mp.Array[int]
	Has  *mp.Semaphore
	Done *mp.Event
}

var holdLocker = mp.Action(func(ctx context.Context, s sharedLocks) error {
	l := s.W.Locker()
	if l.TryLock(); s.V.Locker().TryLock() { // the latter is the former, and may be recursive
		s.V.Locker().Unlock()
	}
	if err := s.Has.Release(); err != nil {
		return err
	}
	return errors.Join(s.Done.Wait(ctx), l.Release())
})

// The lock of a value that has arrived is the one that the sender has, whatever kind
// it is of.
func TestTheLockOfAValueThatHasArrivedIsTheSame(t *testing.T) {
	own := made[*mp.Value[int]](t)(mp.NewValue(0))
	for name, l := range map[string]mp.Locker{
		"Lock":  made[*mp.Lock](t)(mp.NewLock()),
		"RLock": made[*mp.RLock](t)(mp.NewRLock()),
		"Value": own.Locker(),
	} {
		t.Run(name, func(t *testing.T) {
			s := sharedLocks{
				made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(l))),
				nil,
				made[*mp.Array[int]](t)(mp.NewArray[int](1, mp.WithLock(l))),
				made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
				made[*mp.Event](t)(mp.NewEvent()),
			}
			s.W = made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(s.V.Locker())))
			child := launch(t, holdLocker.With(s))
			acquired(t, s.Has, 1)
			for _, l := range []mp.Locker{l, s.V, s.W, s.A, s.V.Locker(), s.W.Locker(), s.A.Locker()} {
				assert.False(t, l.TryLock())
			}
			waiting := inBackground(t, func() error { s.V.Update(func(x *int) { *x++ }); return nil })
			s.Done.Set()
			require.NoError(t, waiting())
			require.NoError(t, join(t, child))
			assert.Equal(t, 2, s.V.Load())
		})
	}
	large := made[*mp.Value[multiples]](t)(mp.NewValue(multiples{}))
	_, err := mp.NewValue(1, mp.WithLock(large))
	assert.ErrorContains(t, err, "make one that is only a lock")
}

// lockers is the locks of values as a child has them, which it sends on.
type lockers struct {
	V    *mp.Value[int]
	Lock *mp.Lock
	R    *mp.RLock
}

var (
	tryLocks = mp.Func(func(_ context.Context, l lockers) (got bool, err error) {
		if l.Lock != nil {
			return l.Lock.TryLock(), nil
		}
		return l.R.TryLock(), nil
	})
	sendLockOn = mp.Func(func(ctx context.Context, v *mp.Value[int]) (got bool, err error) {
		var l lockers
		switch given := v.Locker().(type) {
		case *mp.Lock:
			l.Lock = given
		case *mp.RLock:
			l.R = given
		default:
			return false, errors.New("a value that has arrived has another lock")
		}
		v.Lock()
		defer v.Unlock()
		return mp.Run(ctx, tryLocks.With(l))
	})
)

// The Locker of a value that has arrived is a handle like others: it can be sent on.
func TestTheLockOfAValueTravelsOn(t *testing.T) {
	for name, l := range map[string]mp.Locker{
		"Lock":  made[*mp.Lock](t)(mp.NewLock()),
		"RLock": made[*mp.RLock](t)(mp.NewRLock()),
		"Value": made[*mp.Value[int]](t)(mp.NewValue(0)),
	} {
		t.Run(name, func(t *testing.T) {
			v := made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(l)))
			got, err := mp.Run(bounded(t), sendLockOn.With(v))
			assert.NoError(t, err)
			assert.False(t, got, "it is held by the sender")
			assert.True(t, freeFor(v))
		})
	}
}

func TestLoadStoreAndUpdateUnderLock(t *testing.T) {
	l := made[*mp.RLock](t)(mp.NewRLock())
	for _, v := range []*mp.Value[multiples]{
		made[*mp.Value[multiples]](t)(mp.NewValue(multiples{})),
		made[*mp.Value[multiples]](t)(mp.NewValue(multiples{}, mp.WithLock(l))),
	} {
		v.Lock()
		v.Store(multiplesOf(3))
		v.Lock()
		v.Update(func(m *multiples) {
			assert.Equal(t, multiplesOf(3), *m)
			assert.Equal(t, multiplesOf(3), v.Load(), "what is there, not the copy")
			*m = multiplesOf(5)
			v.Update(func(inner *multiples) {
				assert.Equal(t, multiplesOf(3), *inner, "the outer one has not happened")
				*inner = multiplesOf(4)
			})
			assert.Equal(t, multiplesOf(4), v.Load())
			assert.Equal(t, multiplesOf(5), *m)
		})
		assert.Equal(t, multiplesOf(5), v.Load())
		assert.False(t, freeFor(v))
		v.Unlock()
		assert.False(t, freeFor(v), "it was locked twice")
		v.Unlock()
		assert.True(t, freeFor(v))
	}
}

// A function of Update that ends in another way than by returning has done nothing.
func TestUpdateThatIsLeftHalfway(t *testing.T) {
	l := made[*mp.Lock](t)(mp.NewLock())
	for _, v := range []*mp.Value[multiples]{
		made[*mp.Value[multiples]](t)(mp.NewValue(multiplesOf(1))),
		made[*mp.Value[multiples]](t)(mp.NewValue(multiplesOf(1), mp.WithLock(l))),
	} {
		spoil := func(leave func()) func() {
			return func() {
				v.Update(func(m *multiples) {
					*m = multiplesOf(9)
					leave()
				})
			}
		}
		assert.PanicsWithValue(t, "halfway", spoil(func() { panic("halfway") }))
		assert.Equal(t, multiplesOf(1), v.Load())
		assert.True(t, freeFor(v))
		elsewhere(spoil(runtime.Goexit))
		assert.Equal(t, multiplesOf(1), v.Load())
		assert.True(t, freeFor(v))
		v.Update(func(m *multiples) { *m = multiplesOf(2) })
		assert.Equal(t, multiplesOf(2), v.Load(), "and the next one works")
	}
	nested := made[*mp.Value[int]](t)(mp.NewValue(1))
	nested.Update(func(x *int) {
		*x = 2
		assert.Panics(t, func() { nested.Update(func(x *int) { *x = 3; panic("inner") }) })
		assert.Equal(t, 1, nested.Load())
		assert.False(t, freeFor(nested), "the outer one has it still")
	})
	assert.Equal(t, 2, nested.Load())
	assert.True(t, freeFor(nested))
}

// A given lock that is not recursive is not made so.
func TestAGivenPlainLockIsNotRecursive(t *testing.T) {
	l := made[*mp.Lock](t)(mp.NewLock())
	v := made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(l)))
	a := made[*mp.Array[int]](t)(mp.NewArray[int](1, mp.WithLock(l)))
	v.Lock()
	assert.False(t, a.TryLock())
	timed(t, a.Acquire)
	timed(t, v.Acquire)
	p, release := v.Ptr()
	*p = 2
	release()
	assert.NoError(t, a.Release(), "anybody may give it back")
	assert.ErrorIs(t, v.Release(), mp.ErrUnlocked)
	assert.PanicsWithError(t, "mp: Value.Unlock: is not locked", v.Unlock)
	assert.Equal(t, 2, v.Load())
}

var dieWithTheLock = mp.Action(func(_ context.Context, v *mp.Value[int]) error {
	v.Lock()
	exitNow()
	return nil
})

// Who has died with the lock has died with it for all that it protects.
func TestOwnerDiedOfAGivenLock(t *testing.T) {
	l := made[*mp.Lock](t)(mp.NewLock())
	v := made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(l)))
	w := made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(l)))
	a := made[*mp.Array[int]](t)(mp.NewArray[int](1, mp.WithLock(l)))
	assert.Error(t, join(t, launch(t, dieWithTheLock.With(v))))
	for _, l := range []mp.Locker{l, v, w, a} {
		assert.True(t, died(l))
	}
	w.Lock()
	a.Repaired()
	w.Unlock()
	for _, l := range []mp.Locker{l, v, w, a} {
		assert.False(t, died(l))
	}
}

// atomics are changed without any lock.
type atomics struct {
	Pad   byte
	N     atomic.Int64
	Flags atomic.Uint32
	Set   atomic.Bool
}

type atomicHandles struct {
	Locked *mp.Value[atomics]
	Raw    *mp.RawValue[atomics]
	Row    *mp.RawArray[atomic.Int32]
	Small  *mp.RawValue[atomic.Int64]
	Times  int
}

var addAtomically = mp.Action(func(_ context.Context, h atomicHandles) error {
	locked, release := h.Locked.Ptr()
	defer release()
	raw, release := h.Raw.Ptr()
	defer release()
	row, release := h.Row.Slice()
	defer release()
	small, release := h.Small.Ptr()
	defer release()
	for range h.Times {
		locked.N.Add(1)
		raw.N.Add(2)
		raw.Flags.Or(4)
		row[2].Add(1)
		small.Add(3)
	}
	locked.Set.Store(true)
	return nil
})

func TestAtomicsThroughPtr(t *testing.T) {
	h := atomicHandles{Times: 3000}
	var err error
	h.Locked, err = mp.NewValue(atomics{})
	require.NoError(t, err)
	h.Raw, err = mp.NewRawValue(atomics{})
	require.NoError(t, err)
	h.Small, err = mp.NewRawValue(atomic.Int64{})
	require.NoError(t, err)
	h.Row = made[*mp.RawArray[atomic.Int32]](t)(mp.NewRawArray[atomic.Int32](5))
	var processes []*mp.Process
	for range 3 {
		processes = append(processes, launch(t, addAtomically.With(h)))
	}
	for _, p := range processes {
		require.NoError(t, join(t, p))
	}
	locked, release := h.Locked.Ptr()
	assert.EqualValues(t, 9000, locked.N.Load())
	assert.True(t, locked.Set.Load())
	release()
	raw, release := h.Raw.Ptr()
	assert.EqualValues(t, 18000, raw.N.Load())
	assert.EqualValues(t, 4, raw.Flags.Load())
	release()
	small, release := h.Small.Ptr()
	assert.EqualValues(t, 27000, small.Load())
	release()
	row, release := h.Row.Slice()
	assert.EqualValues(t, 9000, row[2].Load())
	assert.Zero(t, row[1].Load())
	release()
	for _, c := range []interface{ Close() error }{h.Locked, h.Raw, h.Small} {
		assert.NoError(t, c.Close())
	}
}

// The last to be closed of a lock and of what it protects lets the lock go, in the
// process that has made them and in those that they were sent to.
func TestNothingIsLeftOfAGivenLock(t *testing.T) {
	before := heap(t)
	for range 20 {
		l := mp.Must(mp.NewLock())
		v := mp.Must(mp.NewValue(multiples{}, mp.WithLock(l)))
		w := mp.Must(mp.NewArray[int](1, mp.WithLock(v)))
		require.NoError(t, l.Close())
		func() {
			other := anotherHandle(t, v)
			require.NoError(t, v.Close())
			other.Update(func(m *multiples) { *m = multiplesOf(2) })
			require.NoError(t, other.Close())
		}()
		w.Set(0, 1)
		require.NoError(t, w.Close())
	}
	settled(t, before)
}
