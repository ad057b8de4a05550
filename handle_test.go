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
	"github.com/multiproc/mp/internal/shm"
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
		old.Lock()
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
			for range 3_000_000 {
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
	for _, err := range []error{errEarlyLock, errEarlyValue, errEarlyArray, errEarlyRaw} {
		assert.ErrorIs(t, err, mp.ErrNotInitialized)
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
	assert.ErrorContains(t, err, "mp: Lock.Acquire: not made here: handles do not travel in globals")
	assert.ErrorContains(t, err, "mp: Value.Update: not made here")
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
			assert.ErrorIs(t, l.Close(), mp.ErrInUse)
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

// cargo is handles in all kinds of places.
type cargo struct {
	V    *mp.Value[int]
	Same *mp.Value[int] // as V
	W    *mp.Value[multiples]
	None *mp.Lock
	List []*mp.Value[int]
	Map  map[string]*mp.Array[int]
	Deep *deepCargo
	Hops int // how many processes it goes on to
}

type deepCargo struct {
	Pair [2]*mp.RawValue[int]
	Raw  *mp.RawArray[int]
	Lock *mp.RLock
}

func newCargo(t testing.TB) cargo {
	l, err := mp.NewRLock()
	require.NoError(t, err)
	v := mp.Must(mp.NewValue(1, mp.WithLock(l)))
	return cargo{
		V: v, Same: v, W: mp.Must(mp.NewValue(multiplesOf(1))),
		List: []*mp.Value[int]{mp.Must(mp.NewValue(1)), nil, mp.Must(mp.NewValue(1))},
		Map:  map[string]*mp.Array[int]{"a": mp.Must(mp.NewArray[int](2)), "none": nil},
		Deep: &deepCargo{
			Pair: [2]*mp.RawValue[int]{mp.Must(mp.NewRawValue(1)), mp.Must(mp.NewRawValue(1))},
			Raw:  mp.Must(mp.NewRawArray[int](2)), Lock: l,
		},
	}
}

// close closes all handles.
func (c cargo) close() error {
	return errors.Join(c.V.Close(), c.Same.Close(), c.W.Close(), c.List[0].Close(), c.List[2].Close(), c.Map["a"].Close(),
		c.Deep.Pair[0].Close(), c.Deep.Pair[1].Close(), c.Deep.Raw.Close(), c.Deep.Lock.Close())
}

// use changes everything, and returns the sum.
func (c cargo) use() (sum int, err error) {
	if c.None != nil || c.List[1] != nil || c.Map["none"] != nil || len(c.Map) != 2 {
		return 0, errors.New("a nil handle has arrived as another")
	}
	c.V.Lock()
	c.Deep.Lock.Lock() // the same
	c.Same.Update(func(x *int) { *x++ })
	c.Deep.Lock.Unlock()
	c.V.Unlock()
	c.W.Update(func(m *multiples) { *m = multiplesOf(m[0] + 1) })
	sum = c.V.Load() + int(c.W.Load()[0])
	for _, v := range []*mp.Value[int]{c.List[0], c.List[2]} {
		v.Update(func(x *int) { *x++; sum += *x })
	}
	c.Map["a"].Update(func(items []int) { items[1]++; sum += items[1] })
	for _, r := range c.Deep.Pair {
		r.Store(r.Load() + 1)
		sum += r.Load()
	}
	c.Deep.Raw.Set(1, c.Deep.Raw.At(1)+1)
	return sum + c.Deep.Raw.At(1), nil
}

var useCargo *mp.Task[cargo, int]

func init() {
	useCargo = mp.Func(func(ctx context.Context, c cargo) (sum int, err error) {
		if c.Hops == 0 {
			sum, err = c.use()
			return sum, errors.Join(err, c.close())
		}
		c.Hops--
		next := inTheBackground(func() (int, error) { return mp.Run(ctx, useCargo.With(c)) })
		sum, err = next()
		return sum, errors.Join(err, c.close())
	})
}

func inTheBackground(f func() (int, error)) func() (int, error) {
	var n int
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err = f()
	}()
	return func() (int, error) { <-done; return n, err }
}

func TestHandlesTravelWhereverTheyAre(t *testing.T) {
	before := heap(t)
	c := newCargo(t)
	for round := range 4 {
		c.Hops = round
		sum, err := mp.Run(bounded(t), useCargo.With(c))
		require.NoError(t, err)
		assert.Equal(t, 6*(round+2)+2*(round+1), sum)
	}
	assert.Equal(t, 5, c.V.Load())
	assert.Equal(t, multiplesOf(5), c.W.Load())
	assert.NoError(t, c.close())
	settled(t, before)
}

// reported is a cargo whose user says what has become of it.
type reported struct {
	Cargo cargo
	Sum   *mp.RawValue[int]
}

var (
	useAndReport = mp.Action(func(_ context.Context, r reported) error {
		sum, err := r.Cargo.use()
		r.Sum.Store(sum)
		return errors.Join(err, r.Cargo.close())
	})
	// startAndLeave hands the cargo to a process of its own, and ends.
	startAndLeave = mp.Action(func(_ context.Context, r reported) error {
		p := mp.NewProcess(useAndReport.With(r))
		return errors.Join(p.Start(), r.Cargo.close())
	})
)

// The sender closes its handles as soon as Start has returned.
func TestTheSenderClosesItsHandlesAtOnce(t *testing.T) {
	sum := made[*mp.RawValue[int]](t)(mp.NewRawValue(0))
	before := heap(t)
	for _, task := range []*mp.Task[reported, mp.None]{useAndReport, startAndLeave} {
		for range 10 {
			sum.Store(0)
			c := newCargo(t)
			p := launch(t, task.With(reported{c, sum}))
			require.NoError(t, c.close())
			require.NoError(t, join(t, p))
			assert.Equal(t, 6*2+2, sum.Load())
			require.NoError(t, p.Close())
		}
	}
	settled(t, before)
}

// Whenever its process is killed, what was sent to it is given back.
func TestProcessesThatAreKilledBeforeTheyHaveTheirHandles(t *testing.T) {
	before := heap(t)
	rng := random(t)
	for range 50 {
		c := newCargo(t)
		p := mp.NewProcess(useCargo.With(c))
		require.NoError(t, p.Start())
		require.NoError(t, c.close())
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond)
		_ = p.Kill()
		<-p.Done()
		require.NoError(t, p.Close())
	}
	settled(t, before)

	c := newCargo(t)
	p := mp.NewProcess(useCargo.With(c))
	p.Dir = "/nonexistent"
	assert.Error(t, p.Start())
	require.NoError(t, c.close())
	settled(t, before)
}

// What comes of another type than its receiver asks for is refused, and what is behind
// it arrives.
func TestHandlesOfTheWrongType(t *testing.T) {
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	defer a.Close()
	defer b.Close()
	v := made[*mp.Value[int64]](t)(mp.NewValue[int64](7))
	l := made[*mp.Lock](t)(mp.NewLock())
	arr := made[*mp.Array[int64]](t)(mp.NewArray[int64](7))
	before := heap(t)
	for i, recv := range []func(ctx context.Context) error{
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Value[float64]](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Value[uint64]](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.RawValue[int64]](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Array[int64]](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Lock](ctx, b); return err },
		func(ctx context.Context) error { _, err := mp.Recv[*mp.Event](ctx, b); return err },
	} {
		require.NoError(t, a.Send(bounded(t), v))
		assert.ErrorIs(t, recv(bounded(t)), shm.ErrKind, "%d", i)
	}
	require.NoError(t, a.Send(bounded(t), l))
	_, err = mp.Recv[*mp.RLock](bounded(t), b)
	assert.ErrorIs(t, err, shm.ErrKind)
	require.NoError(t, a.Send(bounded(t), arr))
	_, err = mp.Recv[*mp.Array[uint64]](bounded(t), b)
	assert.ErrorIs(t, err, shm.ErrKind)
	require.NoError(t, a.Send(bounded(t), v))
	_, err = mp.Recv[int](bounded(t), b)
	assert.Error(t, err)
	assert.Contains(t, []int{before, before + 1}, heap(t), "the pipe may keep room")
	require.NoError(t, a.Send(bounded(t), v))
	got, err := mp.Recv[*mp.Value[int64]](bounded(t), b)
	require.NoError(t, err)
	assert.EqualValues(t, 7, got.Load())
	require.NoError(t, got.Close())
}

var (
	giveBack = mp.Pure(func(v *mp.Value[int]) *mp.Value[int] { return v })
	makeOne  = mp.Pure(func(x int) *mp.Value[int] { return mp.Must(mp.NewValue(x)) })
)

// A handle in a result is one on an object that the receiver has as well. What only the
// task's process had is gone with it, and the error says so.
func TestHandlesInResults(t *testing.T) {
	before := heap(t)
	v, err := mp.NewValue(7)
	require.NoError(t, err)
	got, err := mp.Run(bounded(t), giveBack.With(v))
	require.NoError(t, err)
	assert.Equal(t, 7, got.Load())
	require.NoError(t, v.Close())
	got.Update(func(x *int) { *x++ })
	assert.Equal(t, 8, got.Load())
	assert.NoError(t, got.Close())
	for range 10 {
		got, err := mp.Run(bounded(t), makeOne.With(8))
		assert.ErrorIs(t, err, mp.ErrGone)
		assert.Nil(t, got)
	}
	settled(t, before)
}
