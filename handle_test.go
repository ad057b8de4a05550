//go:build linux

package mp_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// anotherHandle returns a second handle of this process on what h is one on. It is
// closed at the end of the test.
func anotherHandle[H interface{ Close() error }](t testing.TB, h H) H {
	t.Helper()
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	defer a.Close()
	defer b.Close()
	require.NoError(t, a.Send(bounded(t), h))
	got, err := mp.Recv[H](bounded(t), b)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, got.Close()) })
	return got
}

// elsewhere runs f in another goroutine, and waits for its end.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// freeFor says whether another goroutine can have the lock, and gives it back.
func freeFor(l interface {
	TryLock() bool
	Unlock()
}) (free bool) {
	elsewhere(func() {
		if free = l.TryLock(); free {
			l.Unlock()
		}
	})
	return free
}

// panicText returns what f panics with, as a text; "" if it does not panic.
func panicText(f func()) (text string) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			text = p.Error()
		case string:
			text = p
		default:
			text = "a panic of another type"
		}
	}()
	f()
	return ""
}

// A recursive acquire that fails is no acquire.
func TestAcquireAgainWithAnEndedContextChangesNothing(t *testing.T) {
	for name, l := range map[string]mp.Locker{
		"RLock": made[*mp.RLock](t)(mp.NewRLock()),
		"Value": made[*mp.Value[int]](t)(mp.NewValue(0)),
		"Array": made[*mp.Array[int]](t)(mp.NewArray[int](1)),
	} {
		t.Run(name, func(t *testing.T) {
			l.Lock()
			assert.ErrorIs(t, l.Acquire(endedContext()), context.DeadlineExceeded)
			l.Unlock()
			assert.True(t, freeFor(l))
			assert.ErrorIs(t, l.Release(), mp.ErrNotOwner)
		})
	}
}

// Who takes the given lock itself and gives it back through the value, or the other
// way round, has it once and then no more.
func TestTheGivenLockAndTheValuesAreOne(t *testing.T) {
	lock := made[*mp.Lock](t)(mp.NewLock())
	rlock := made[*mp.RLock](t)(mp.NewRLock())
	for name, given := range map[string]mp.Locker{"Lock": lock, "RLock": rlock} {
		t.Run(name, func(t *testing.T) {
			before := heap(t)
			v, err := mp.NewValue(7, mp.WithLock(given))
			require.NoError(t, err)
			a, err := mp.NewArray[int](3, mp.WithLock(given))
			require.NoError(t, err)
			given.Lock()
			v.Unlock()
			assert.True(t, freeFor(given))
			assert.Equal(t, "mp.Value[int](7)", v.String())
			given.Lock()
			a.Unlock()
			assert.Equal(t, "mp.Array[int](3 items)", a.String())
			for range 2 {
				v.Lock()
				given.Unlock()
				a.Lock()
				assert.NoError(t, v.Release())
			}
			assert.Equal(t, 7, v.Load())
			assert.Equal(t, 0, a.At(1))
			assert.NoError(t, v.Close())
			assert.NoError(t, a.Close())
			assert.Equal(t, before, heap(t), "closed means given up")
		})
	}
}

// A closed handle is closed, whatever has come to lie where its object was.
func TestAClosedHandleTouchesNothingElse(t *testing.T) {
	t.Run("Lock", func(t *testing.T) {
		old, err := mp.NewLock()
		require.NoError(t, err)
		require.True(t, old.TryLock())
		old.Unlock()
		require.NoError(t, old.Close())
		for range 20 { // one of them lies where the old one was
			l := made[*mp.Lock](t)(mp.NewLock())
			l.Lock()
			assert.NotEmpty(t, panicText(old.Unlock))
			assert.ErrorIs(t, old.Release(), mp.ErrClosed)
			assert.NotEmpty(t, panicText(func() { old.TryLock() }))
			require.True(t, l.Locked())
			l.Unlock()
		}
	})
	t.Run("RLock", func(t *testing.T) {
		old, err := mp.NewRLock()
		require.NoError(t, err)
		require.NoError(t, old.Close())
		for range 20 {
			l := made[*mp.RLock](t)(mp.NewRLock())
			l.Lock()
			assert.NotEmpty(t, panicText(old.Lock))
			assert.NotEmpty(t, panicText(func() { old.TryLock() }))
			assert.ErrorIs(t, old.Acquire(t.Context()), mp.ErrClosed)
			assert.NotEmpty(t, panicText(old.Unlock))
			assert.ErrorIs(t, old.Release(), mp.ErrClosed)
			require.True(t, l.Locked())
			l.Unlock()
			assert.True(t, freeFor(l))
		}
	})
	t.Run("Value", func(t *testing.T) {
		old, err := mp.NewValue([3]int{1, 2, 3})
		require.NoError(t, err)
		require.NoError(t, old.Close())
		for range 20 {
			v := made[*mp.Value[[3]int]](t)(mp.NewValue([3]int{4, 5, 6}))
			v.Lock()
			assert.NotEmpty(t, panicText(func() { old.Load() }))
			assert.NotEmpty(t, panicText(func() { old.Store([3]int{9, 9, 9}) }))
			assert.NotEmpty(t, panicText(func() { old.Update(func(x *[3]int) { x[0] = 9 }) }))
			assert.NotEmpty(t, panicText(old.Unlock))
			assert.Equal(t, [3]int{4, 5, 6}, v.Load())
			v.Unlock()
			assert.True(t, freeFor(v))
		}
	})
	t.Run("Array", func(t *testing.T) {
		old, err := mp.ArrayOf([]int{1, 2, 3})
		require.NoError(t, err)
		require.NoError(t, old.Close())
		for range 20 {
			a := made[*mp.Array[int]](t)(mp.ArrayOf([]int{4, 5, 6}))
			a.Lock()
			assert.NotEmpty(t, panicText(func() { old.At(0) }))
			assert.NotEmpty(t, panicText(func() { old.Set(0, 9) }))
			assert.NotEmpty(t, panicText(old.Unlock))
			assert.Equal(t, 4, a.At(0))
			a.Unlock()
			assert.True(t, freeFor(a))
		}
	})
}

// A Close that is refused is as if it had not been called.
func TestACloseThatIsRefusedDisturbsNobody(t *testing.T) {
	l := made[*mp.Lock](t)(mp.NewLock())
	v := made[*mp.Value[int]](t)(mp.NewValue(0))
	l.Lock()
	v.Lock()
	defer l.Unlock()
	defer v.Unlock()
	var stop atomic.Bool
	closer := inBackground(t, func() error {
		for !stop.Load() {
			if err := l.Close(); !assert.ErrorIs(t, err, mp.ErrInUse) {
				return err
			}
			if err := v.Close(); !assert.ErrorIs(t, err, mp.ErrInUse) {
				return err
			}
		}
		return nil
	})
	var text string
	elsewhere(func() {
		text = panicText(func() {
			for range 500_000 {
				if l.TryLock() || v.TryLock() {
					panic("it has been locked twice")
				}
			}
		})
	})
	stop.Store(true)
	assert.NoError(t, closer())
	assert.Empty(t, text)
}

// The lock lives as long as what it protects, also in the process that has made it.
func TestTheGivenLockMayBeClosed(t *testing.T) {
	l, err := mp.NewLock()
	require.NoError(t, err)
	v := made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(l)))
	a := made[*mp.Array[int]](t)(mp.NewArray[int](1, mp.WithLock(l)))
	require.NoError(t, l.Close())
	assert.Empty(t, panicText(func() {
		v.Update(func(x *int) { *x++ })
		a.Set(0, v.Load())
		assert.True(t, v.TryLock())
		v.Unlock()
		assert.Equal(t, 2, a.At(0))
	}))
}

func TestCloseWithTheGivenLockHeld(t *testing.T) {
	l := made[*mp.Lock](t)(mp.NewLock())
	v := made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(l)))
	v.Lock()
	assert.ErrorIs(t, v.Close(), mp.ErrInUse)
	v.Unlock()
	assert.Equal(t, 1, v.Load())
}

// What is only to be shown, in a log say, waits for nobody.
func TestStringWaitsForNobody(t *testing.T) {
	l := made[*mp.Lock](t)(mp.NewLock())
	own := made[*mp.Value[int]](t)(mp.NewValue(1))
	given := made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(l)))
	own.Lock()
	given.Lock()
	shown := inBackground(t, func() error {
		assert.Contains(t, own.String(), "mp.Value[int](")
		assert.Contains(t, given.String(), "mp.Value[int](")
		return nil
	})
	defer given.Unlock()
	defer own.Unlock()
	assert.NoError(t, shown())
}
