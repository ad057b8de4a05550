//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

type (
	celsius float32
	grid    [2][3]int16
	padded  struct {
		A bool
		B int32
		C bool
	}
	nestedShape struct {
		P padded
		G grid
		_ [3]byte
		D time.Duration
	}
)

// kind is a value of a T in each form.
type kind[T comparable] struct {
	Old, New T
	V        *mp.Value[T]
	Raw      *mp.RawValue[T]
	A        *mp.Array[T]
	RawA     *mp.RawArray[T]
}

func newKind[T comparable](t testing.TB, before, after T) *kind[T] {
	k := &kind[T]{
		before, after, made[*mp.Value[T]](t)(mp.NewValue(before)), made[*mp.RawValue[T]](t)(mp.NewRawValue(before)),
		made[*mp.Array[T]](t)(mp.ArrayOf([]T{before, before, before})), made[*mp.RawArray[T]](t)(mp.NewRawArray[T](3)),
	}
	k.RawA.Set(1, before)
	return k
}

// change checks that the values are the old ones, and makes them the new ones.
func (k *kind[T]) change() (err error) {
	if got := [...]T{k.V.Load(), k.Raw.Load(), k.A.At(1), k.RawA.At(1)}; got != [...]T{k.Old, k.Old, k.Old, k.Old} {
		return fmt.Errorf("%v have arrived instead of %v", got, k.Old)
	}
	k.V.Update(func(x *T) {
		if *x != k.Old {
			err = fmt.Errorf("Update has %v instead of %v", *x, k.Old)
		}
		*x = k.New
	})
	k.Raw.Store(k.New)
	k.A.Set(1, k.New)
	k.RawA.Set(1, k.New)
	return err
}

func (k *kind[T]) check(t *testing.T) {
	t.Helper()
	var zero T
	assert.Equal(t, [...]T{k.New, k.New}, [...]T{k.V.Load(), k.Raw.Load()})
	k.A.View(func(items []T) { assert.Equal(t, []T{k.Old, k.New, k.Old}, items) })
	items, release := k.RawA.Slice()
	assert.Equal(t, []T{zero, k.New, zero}, items)
	release()
	p, release := k.V.Ptr()
	assert.Equal(t, k.New, *p)
	*p = k.Old
	release()
	assert.Equal(t, k.Old, k.V.Load())
	k.V.Store(k.New)
	assert.Equal(t, k.New, k.V.Load())
}

// kinds has a value of each kind of number, and of shapes of them.
type kinds struct {
	Bool  *kind[bool]
	Int   *kind[int]
	I8    *kind[int8]
	I16   *kind[int16]
	I32   *kind[int32]
	I64   *kind[int64]
	Uint  *kind[uint]
	U8    *kind[uint8]
	U16   *kind[uint16]
	U32   *kind[uint32]
	U64   *kind[uint64]
	F32   *kind[float32]
	F64   *kind[float64]
	Named *kind[celsius]
	Time  *kind[time.Duration]
	B3    *kind[[3]uint8]
	B5    *kind[[5]int8]
	B6    *kind[[3]uint16]
	B7    *kind[[7]int8]
	B9    *kind[[9]int8]
	B12   *kind[padded]
	B16   *kind[[2]float64]
	Grid  *kind[grid]
	B48   *kind[multiples]
	Page  *kind[[512]int64]
	Large *kind[[70_000]int8]
}

var changeKinds = mp.Action(func(_ context.Context, k kinds) error {
	return errors.Join(
		k.Bool.change(), k.Int.change(), k.I8.change(), k.I16.change(), k.I32.change(), k.I64.change(),
		k.Uint.change(), k.U8.change(), k.U16.change(), k.U32.change(), k.U64.change(), k.F32.change(), k.F64.change(),
		k.Named.change(), k.Time.change(), k.B3.change(), k.B5.change(), k.B6.change(), k.B7.change(),
		k.B9.change(), k.B12.change(), k.B16.change(), k.Grid.change(), k.B48.change(), k.Page.change(), k.Large.change(),
	)
})

func TestValuesOfEachKindAreShared(t *testing.T) {
	k := kinds{
		newKind(t, true, false), newKind(t, math.MinInt, math.MaxInt), newKind[int8](t, -128, 127), newKind[int16](t, -1<<15, 1<<15-1),
		newKind[int32](t, math.MinInt32, math.MaxInt32), newKind[int64](t, math.MinInt64, math.MaxInt64),
		newKind[uint](t, 1, math.MaxUint), newKind[uint8](t, 1, 255), newKind[uint16](t, 1, 1<<16-1), newKind[uint32](t, 1, 1<<32-1),
		newKind[uint64](t, 1, 1<<64-1), newKind[float32](t, 1.5, math.MaxFloat32), newKind(t, math.Inf(-1), math.SmallestNonzeroFloat64),
		newKind[celsius](t, -273.15, 1), newKind(t, time.Hour, -time.Second),
		newKind(t, [3]uint8{1, 2, 3}, [3]uint8{255, 254, 253}), newKind(t, [5]int8{1, 2, 3, 4, 5}, [5]int8{4: -1}),
		newKind(t, [3]uint16{1, 2, 3}, [3]uint16{2: 65535}), newKind(t, [7]int8{1, 2, 3, 4, 5, 6, 7}, [7]int8{6: -1}),
		newKind(t, [9]int8{0: 1, 8: 2}, [9]int8{8: -1}), newKind(t, padded{true, 7, true}, padded{false, -7, true}),
		newKind(t, [2]float64{1, 2}, [2]float64{3, 4}), newKind(t, grid{{1, 2, 3}, {4, 5, 6}}, grid{1: {2: -1}}),
		newKind(t, multiplesOf(3), multiplesOf(-4)), newKind(t, [512]int64{511: 1}, [512]int64{0: 1}),
		newKind(t, [70_000]int8{69_999: 1}, [70_000]int8{0: 1, 69_999: 2}),
	}
	require.NoError(t, join(t, launch(t, changeKinds.With(k))))
	k.Bool.check(t)
	k.Int.check(t)
	k.I8.check(t)
	k.I16.check(t)
	k.I32.check(t)
	k.I64.check(t)
	k.Uint.check(t)
	k.U8.check(t)
	k.U16.check(t)
	k.U32.check(t)
	k.U64.check(t)
	k.F32.check(t)
	k.F64.check(t)
	k.Named.check(t)
	k.Time.check(t)
	k.B3.check(t)
	k.B5.check(t)
	k.B6.check(t)
	k.B7.check(t)
	k.B9.check(t)
	k.B12.check(t)
	k.B16.check(t)
	k.Grid.check(t)
	k.B48.check(t)
	k.Page.check(t)
	k.Large.check(t)

	// What cannot be an argument can be shared all the same.
	newKind(t, complex64(1), complex(2, -3)).checkHere(t)
	newKind(t, complex(1, 2), complex(-3, 4)).checkHere(t)
	newKind(t, nestedShape{P: padded{B: 1}}, nestedShape{D: time.Hour, G: grid{1: {1: 7}}}).checkHere(t)
	newKind(t, struct{}{}, struct{}{}).checkHere(t)
	newKind(t, [0]int{}, [0]int{}).checkHere(t)
}

func (k *kind[T]) checkHere(t *testing.T) {
	t.Helper()
	require.NoError(t, k.change())
	k.check(t)
}

// What goroutines do with any of the locks held is in order for the race detector too,
// however they have got it.
func TestTheRaceDetectorKnowsAllLocks(t *testing.T) {
	l, r := made[*mp.Lock](t)(mp.NewLock()), made[*mp.RLock](t)(mp.NewRLock())
	v := made[*mp.Value[int]](t)(mp.NewValue(0))
	large := made[*mp.Value[multiples]](t)(mp.NewValue(multiples{}))
	a := made[*mp.Array[int]](t)(mp.NewArray[int](1))
	given := made[*mp.Value[int]](t)(mp.NewValue(0, mp.WithLock(l)))
	givenArray := made[*mp.Array[int]](t)(mp.NewArray[int](1, mp.WithLock(r)))
	locks := []mp.Locker{l, r, v, large, a, given, givenArray}
	ways := map[string]func(add func()){
		"Update":                func(add func()) { v.Update(func(*int) { add() }) },
		"Update of a large one": func(add func()) { large.Update(func(*multiples) { add() }) },
		"Update with a lock":    func(add func()) { given.Update(func(*int) { add() }) },
		"View":                  func(add func()) { a.View(func([]int) { add() }) },
		"Update of an array":    func(add func()) { givenArray.Update(func([]int) { add() }) },
		"both names":            func(add func()) { l.Lock(); add(); given.Unlock() },
	}
	for _, l := range locks {
		name := fmt.Sprintf("%T ", l)
		ways[name+"Acquire"] = func(add func()) {
			if l.Acquire(context.Background()) == nil {
				add()
				_ = l.Release()
			}
		}
		ways[name+"TryLock"] = func(add func()) {
			for !l.TryLock() {
				time.Sleep(time.Microsecond)
			}
			add()
			l.Unlock()
		}
	}
	for name, way := range ways {
		n := 0
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 100 {
					way(func() { n++ })
				}
			})
		}
		all.Wait()
		assert.Equal(t, 800, n, name)
	}

	n := 0
	for range 100 { // one goroutine takes the lock, and another gives it back
		var all sync.WaitGroup
		held := make(chan struct{})
		all.Go(func() { l.Lock(); n++; close(held) })
		all.Go(func() { <-held; l.Unlock() })
		l.Lock()
		n++
		l.Unlock()
		all.Wait()
	}
	assert.Equal(t, 200, n)
}

func TestValuesAndArraysAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	l, r := made[*mp.Lock](t)(mp.NewLock()), made[*mp.RLock](t)(mp.NewRLock())
	large := made[*mp.Value[multiples]](t)(mp.NewValue(multiples{}))
	given := made[*mp.Value[multiples]](t)(mp.NewValue(multiples{}, mp.WithLock(l)))
	recursive := made[*mp.Value[int]](t)(mp.NewValue(1, mp.WithLock(r)))
	raw := made[*mp.RawValue[multiples]](t)(mp.NewRawValue(multiples{}))
	a := made[*mp.Array[multiples]](t)(mp.NewArray[multiples](3))
	rawArray := made[*mp.RawArray[int]](t)(mp.NewRawArray[int](3))
	for name, f := range map[string]func(){
		"Update of a large value": func() { large.Update(func(m *multiples) { *m = multiplesOf(m[0] + 1) }) },
		"Store and Load":          func() { large.Store(large.Load()) },
		"a given lock":            func() { given.Update(func(m *multiples) { *m = multiplesOf(m[0] + 1) }) },
		"a given recursive lock":  func() { recursive.Lock(); recursive.Store(recursive.Load() + 1); recursive.Unlock() },
		"a raw value":             func() { raw.Store(raw.Load()) },
		"an array":                func() { a.Set(1, a.At(2)); a.Update(func([]multiples) {}); a.View(func([]multiples) {}) },
		"a raw array":             func() { rawArray.Set(1, rawArray.At(2)) },
		"TryLock":                 func() { _ = l.TryLock(); _ = l.Release(); _ = a.TryLock(); a.Unlock() },
		"Acquire":                 func() { _ = l.Acquire(context.Background()); _ = l.Release() },
	} {
		assert.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}
