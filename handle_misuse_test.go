//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// noHandles are handles that no constructor has made.
func noHandles(nil_ bool) []sharedThing {
	if nil_ {
		return []sharedThing{
			(*mp.Lock)(nil), (*mp.RLock)(nil), (*mp.Value[int])(nil), (*mp.Value[multiples])(nil), (*mp.Array[int])(nil),
			(*mp.RawValue[int])(nil), (*mp.RawArray[int])(nil),
		}
	}
	return []sharedThing{
		new(mp.Lock), new(mp.RLock), new(mp.Value[int]), new(mp.Value[multiples]), new(mp.Array[int]),
		new(mp.RawValue[int]), new(mp.RawArray[int]),
	}
}

type sharedThing interface {
	Close() error
	String() string
}

// closedHandles are handles that have been closed.
func closedHandles(t testing.TB) []sharedThing {
	l := made[*mp.Lock](t)(mp.NewLock())
	all := []sharedThing{
		mp.Must(mp.NewLock()), mp.Must(mp.NewRLock()), mp.Must(mp.NewValue(1)), mp.Must(mp.NewValue(multiples{})),
		mp.Must(mp.NewArray[int](3)), mp.Must(mp.NewRawValue(1)), mp.Must(mp.NewRawArray[int](3)),
		mp.Must(mp.NewValue(1, mp.WithLock(l))), mp.Must(mp.NewArray[int](3, mp.WithLock(l))),
	}
	for _, x := range all {
		require.NoError(t, x.Close())
	}
	return all
}

// complain checks that a method returns an error, or panics with a text, that says so.
// Methods that only look have an answer of their own.
func complain(t *testing.T, x sharedThing, m reflect.Method, says string) {
	t.Helper()
	name := fmt.Sprintf("%T.%s", x, m.Name)
	args := []reflect.Value{reflect.ValueOf(x)}
	for i := 1; i < m.Type.NumIn(); i++ {
		switch in := m.Type.In(i); {
		case in == reflect.TypeFor[context.Context]():
			args = append(args, reflect.ValueOf(context.Background()))
		case in.Kind() == reflect.Func:
			args = append(args, reflect.MakeFunc(in, func([]reflect.Value) []reflect.Value {
				t.Errorf("%s calls the function", name)
				return nil
			}))
		default:
			args = append(args, reflect.Zero(in))
		}
	}
	var results []reflect.Value
	text := panicText(func() { results = m.Func.Call(args) })
	if text != "" {
		assert.Contains(t, text, says, name)
		assert.True(t, strings.HasPrefix(text, "mp: "), "%s: %s", name, text)
		return
	}
	switch m.Name {
	case "Close":
		assert.True(t, results[0].IsNil(), name)
	case "Len":
		assert.Contains(t, []int64{0, 3}, results[0].Int(), name)
	case "Locked", "OwnerDied":
		assert.False(t, results[0].Bool(), name)
	case "String":
		assert.Contains(t, results[0].String(), says, name)
	case "Locker":
		assert.Contains(t, panicText(func() { results[0].Interface().(mp.Locker).TryLock() })+says, says, name)
	case "All":
		all := results[0].Interface().(iter.Seq2[int, int])
		assert.Contains(t, panicText(func() {
			for range all {
				t.Error("there is an item")
			}
		})+says, says, name)
	default:
		err, _ := results[len(results)-1].Interface().(error)
		assert.ErrorContains(t, err, says, name)
	}
}

// Whatever is called on a handle that is none, or closed, says so and does no harm.
func TestEveryMethodOfAHandleThatIsNone(t *testing.T) {
	const remedy = "create it after mp.Init and pass it as, or in, the argument"
	for says, handles := range map[string][]sharedThing{
		remedy:            append(noHandles(true), noHandles(false)...),
		"has been closed": closedHandles(t),
	} {
		for _, x := range handles {
			typ := reflect.TypeOf(x)
			for i := range typ.NumMethod() {
				complain(t, x, typ.Method(i), says)
			}
		}
	}
}

// What package initialisation makes of shared things.
var (
	_, errEarlyLock  = mp.NewLock()
	_, errEarlyValue = mp.NewValue(1)
	_, errEarlyArray = mp.NewArray[int](1)
	_, errEarlyRaw   = mp.NewRawArray[int](1)
)

func TestSharedThingsNeedInit(t *testing.T) {
	for name, err := range map[string]error{
		"NewLock": errEarlyLock, "NewValue": errEarlyValue, "NewArray": errEarlyArray, "NewRawArray": errEarlyRaw,
	} {
		assert.ErrorIs(t, err, mp.ErrNotInitialized)
		assert.ErrorContains(t, err, "mp: "+name+": mp.Init has not run")
	}
}

// A handle in a global is none in another process.
var (
	globalLock  *mp.Lock
	globalValue *mp.Value[int]
)

var useGlobals = mp.Action0(func(ctx context.Context) error {
	text := panicText(func() { globalValue.Update(func(x *int) { *x++ }) })
	return errors.Join(globalLock.Acquire(ctx), errors.New(text))
})

func TestHandlesInGlobals(t *testing.T) {
	globalLock, globalValue = made[*mp.Lock](t)(mp.NewLock()), made[*mp.Value[int]](t)(mp.NewValue(1))
	err := join(t, launch(t, useGlobals.With(none)))
	assert.ErrorContains(t, err, "mp: Lock.Acquire: was not made here: handles do not travel in globals")
	assert.ErrorContains(t, err, "mp: Value.Update: was not made here")
}

func TestHandlesThatCannotBeSent(t *testing.T) {
	closed := mp.Must(mp.NewValue(1))
	require.NoError(t, closed.Close())
	before := heap(t)
	for says, v := range map[string]*mp.Value[int]{"has been closed": closed, "not made here": new(mp.Value[int])} {
		c := cargo{V: v, W: mp.Must(mp.NewValue(multiples{}))}
		p := mp.NewProcess(useCargo.With(c))
		assert.ErrorContains(t, p.Start(), says)
		_, err := mp.Run(bounded(t), useCargo.With(c))
		assert.ErrorContains(t, err, says)
		assert.ErrorContains(t, err, ".V")
		require.NoError(t, c.W.Close())
	}
	assert.Equal(t, before, heap(t))
}

// Pins, and what they keep.
func TestPins(t *testing.T) {
	v, err := mp.NewValue(multiplesOf(1))
	require.NoError(t, err)
	a, err := mp.NewArray[int](3)
	require.NoError(t, err)
	raw, err := mp.NewRawArray[int](3)
	require.NoError(t, err)
	p, release := v.Ptr()
	_, again := v.Ptr()
	_, releaseItems := a.Slice()
	_, releaseRaw := raw.Slice()
	for _, x := range []sharedThing{v, a, raw} {
		assert.ErrorIs(t, x.Close(), mp.ErrInUse)
		assert.ErrorContains(t, x.Close(), "in use by this process: call the function first that releases its memory")
		assert.NotContains(t, x.String(), "closed")
	}
	again()
	again()
	assert.ErrorIs(t, v.Close(), mp.ErrInUse, "there is one more")
	p[3] = 7
	assert.EqualValues(t, 7, v.Load()[3])
	release()
	releaseItems()
	releaseRaw()
	for _, x := range []sharedThing{v, a, raw} {
		assert.NoError(t, x.Close())
	}
	release() // once more, after Close
	releaseItems()
	assert.NoError(t, v.Close())
}

// The memory of a pin that is never released is not used for anything else.
func TestAPinThatIsForgotten(t *testing.T) {
	forgotten := func() *multiples {
		v, err := mp.NewValue(multiplesOf(1))
		require.NoError(t, err)
		p, _ := v.Ptr()
		return p
	}()
	for range 3 {
		for i := range 2000 {
			v, err := mp.NewValue(multiplesOf(int64(i)))
			require.NoError(t, err)
			if i%2 == 0 {
				require.NoError(t, v.Close())
			}
		}
		runtime.GC()
		require.Equal(t, multiplesOf(1), *forgotten)
	}
}

func TestCloseWithTheLockHeld(t *testing.T) {
	for name, l := range map[string]interface {
		mp.Locker
		Close() error
	}{
		"Lock":  mp.Must(mp.NewLock()),
		"RLock": mp.Must(mp.NewRLock()),
		"Value": mp.Must(mp.NewValue(1)),
		"Array": mp.Must(mp.NewArray[int](1)),
	} {
		t.Run(name, func(t *testing.T) {
			l.Lock()
			assert.EqualError(t, l.Close(), "mp: "+name+".Close: in use by this process: unlock it first")
			elsewhere(func() { assert.ErrorIs(t, l.Close(), mp.ErrInUse, "the process has it") })
			assert.False(t, freeFor(l), "and it is locked still")
			l.Unlock()
			assert.NotEmpty(t, panicText(l.Unlock), "twice")
			assert.True(t, freeFor(l))
			assert.NoError(t, l.Close())
		})
	}
	l := mp.Must(mp.NewRLock())
	other := anotherHandle(t, l)
	l.Lock()
	other.Lock() // the same goroutine, so it has it twice
	require.NoError(t, l.Close(), "it is not the last handle")
	assert.ErrorIs(t, other.Close(), mp.ErrInUse)
	other.Unlock()
	assert.ErrorIs(t, other.Close(), mp.ErrInUse)
	other.Unlock()
	assert.True(t, freeFor(other))
}

// Close while other goroutines wait for, or have, the lock: whoever is too late is told.
func TestCloseAndUseAtTheSameTime(t *testing.T) {
	before := heap(t)
	for round := range 100 {
		v, err := mp.NewValue(multiples{})
		require.NoError(t, err)
		a, err := mp.NewArray[int64](2)
		require.NoError(t, err)
		r, err := mp.NewRawValue(multiples{})
		require.NoError(t, err)
		var all sync.WaitGroup
		var sum atomic.Int64
		for range 3 {
			all.Go(func() {
				text := panicText(func() {
					for {
						v.Update(func(m *multiples) { *m = multiplesOf(m[0] + 1) })
						sum.Add(1)
						a.Update(func(items []int64) { items[0]++ })
						r.Load()
						time.Sleep(time.Microsecond) // or it is in use for ever
					}
				})
				assert.Contains(t, text, "has been closed")
			})
		}
		for round%2 == 0 && sum.Load() < 10 {
			time.Sleep(time.Microsecond)
		}
		for _, x := range []sharedThing{v, a, r} {
			for end := time.Now().Add(patience); ; {
				err := x.Close()
				if err == nil {
					break
				}
				require.ErrorIs(t, err, mp.ErrInUse)
				require.True(t, time.Now().Before(end), "%v", x)
			}
		}
		all.Wait()
	}
	settled(t, before)
}

// A handle may be closed, if there are others, in the middle of its methods: these end,
// and the lock is free.
func TestCloseWhileAMethodHasTheLock(t *testing.T) {
	l := made[*mp.RLock](t)(mp.NewRLock())
	for name, v := range map[string]*mp.Value[multiples]{
		"own lock":   made[*mp.Value[multiples]](t)(mp.NewValue(multiplesOf(1))),
		"given lock": made[*mp.Value[multiples]](t)(mp.NewValue(multiplesOf(1), mp.WithLock(l))),
	} {
		t.Run(name, func(t *testing.T) {
			other := anotherHandle(t, v)
			assert.Empty(t, panicText(func() {
				other.Update(func(m *multiples) {
					*m = multiplesOf(2)
					elsewhere(func() {
						if err := other.Close(); err != nil {
							assert.ErrorIs(t, err, mp.ErrInUse)
						}
					})
				})
			}))
			assert.True(t, freeFor(v))
			assert.Equal(t, multiplesOf(2), v.Load())
		})
	}
	a := made[*mp.Array[int]](t)(mp.NewArray[int](1))
	other := anotherHandle(t, a)
	assert.Empty(t, panicText(func() {
		other.Update(func(items []int) { elsewhere(func() { assert.NoError(t, other.Close()) }) })
	}))
	assert.True(t, freeFor(a))
}
