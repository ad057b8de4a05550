//go:build linux

package mp_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/pool"
)

type scalars struct {
	Small *mp.Value[int16]
	Int   *mp.Value[int32]
	Large *mp.Value[int64]
	Real  *mp.RawValue[float64]
	Byte  *mp.RawValue[byte]
}

var changeScalars = mp.Action(func(_ context.Context, s scalars) error {
	s.Small.Store(s.Small.Load() + 466)
	s.Int.Update(func(x *int32) { *x = -*x })
	s.Large.Store(1 << 34)
	s.Real.Store(-4.25)
	s.Byte.Store(s.Byte.Load() + 1)
	return nil
})

func TestVAL01_ScalarsAreShared(t *testing.T) {
	s := scalars{
		made[*mp.Value[int16]](t)(mp.NewValue(int16(-232))),
		made[*mp.Value[int32]](t)(mp.NewValue(int32(17))),
		made[*mp.Value[int64]](t)(mp.NewValue(int64(1 << 33))),
		made[*mp.RawValue[float64]](t)(mp.NewRawValue(3.625)),
		made[*mp.RawValue[byte]](t)(mp.NewRawValue(byte('x'))),
	}
	require.NoError(t, join(t, launch(t, changeScalars.With(s))))
	assert.EqualValues(t, 234, s.Small.Load())
	assert.EqualValues(t, -17, s.Int.Load())
	assert.EqualValues(t, 1<<34, s.Large.Load())
	assert.InDelta(t, -4.25, s.Real.Load(), 0)
	assert.EqualValues(t, 'y', s.Byte.Load())
}

type lockedValue struct {
	V   *mp.Value[int64]
	Has *mp.Event
	Go  *mp.Event
}

var holdValue = mp.Action(func(ctx context.Context, j lockedValue) error {
	j.V.Locker().Lock()
	j.Has.Set()
	err := j.Go.Wait(ctx)
	j.V.Locker().Unlock()
	return err
})

func TestVAL02_AValueHasItsLockOrTheOneGiven(t *testing.T) {
	own := made[*mp.Value[int64]](t)(mp.NewValue(int64(1)))
	assert.Same(t, own, own.Locker())
	plain := made[*mp.Lock](t)(mp.NewLock())
	recursive := made[*mp.RLock](t)(mp.NewRLock())
	for _, v := range []*mp.Value[int64]{
		own,
		made[*mp.Value[int64]](t)(mp.NewValue(int64(1), mp.WithLock(plain))),
		made[*mp.Value[int64]](t)(mp.NewValue(int64(1), mp.WithLock(recursive))),
		made[*mp.Value[int64]](t)(mp.NewValue(int64(1), mp.WithLock(own))),
		made[*mp.Value[int64]](t)(mp.NewValue(int64(1), mp.WithLock(nil))),
	} {
		j := lockedValue{v, made[*mp.Event](t)(mp.NewEvent()), made[*mp.Event](t)(mp.NewEvent())}
		p := launch(t, holdValue.With(j))
		require.NoError(t, j.Has.Wait(bounded(t)))
		assert.False(t, v.TryLock())
		assert.False(t, v.Locker().TryLock())
		j.Go.Set()
		require.NoError(t, join(t, p))
		v.Update(func(x *int64) { *x++ })
		assert.EqualValues(t, 2, v.Load())
	}
	var none *mp.Lock
	v, err := mp.NewValue(1, mp.WithLock(none))
	require.NoError(t, err, "a nil lock is none")
	require.NoError(t, v.Close())
	closed := mp.Must(mp.NewLock())
	require.NoError(t, closed.Close())
	_, err = mp.NewValue(1, mp.WithLock(closed))
	assert.ErrorIs(t, err, mp.ErrClosed)
	array := made[*mp.Array[int]](t)(mp.NewArray[int](3))
	_, err = mp.NewValue(1, mp.WithLock(array))
	assert.ErrorContains(t, err, "make one that is only a lock")
}

var prefixSums = mp.Action(func(_ context.Context, a *mp.Array[int64]) error {
	a.Update(func(items []int64) {
		for i := 1; i < len(items); i++ {
			items[i] += items[i-1]
		}
	})
	return nil
})

func TestVAL03_ArraysAreSharedRows(t *testing.T) {
	items := []int64{680, 626, 934, 821, 150, 233, 548, 982, 714, 831}
	a := made[*mp.Array[int64]](t)(mp.ArrayOf(items))
	assert.Equal(t, 10, a.Len())
	assert.EqualValues(t, 934, a.At(2))
	a.Set(2, 935)
	items[2] = 935
	a.View(func(got []int64) { assert.Equal(t, items[3:6], got[3:6]) })
	a.Update(func(got []int64) { copy(got[4:6], []int64{1, 2}) })
	copy(items[4:6], []int64{1, 2})
	require.NoError(t, join(t, launch(t, prefixSums.With(a))))
	for i := 1; i < len(items); i++ {
		items[i] += items[i-1]
	}
	for i, x := range a.All() {
		assert.Equal(t, items[i], x)
	}
	raw := made[*mp.RawArray[int64]](t)(mp.NewRawArray[int64](3))
	raw.Set(1, 5)
	got, release := raw.Slice()
	assert.Equal(t, []int64{0, 5, 0}, got)
	assert.Equal(t, 3, cap(got))
	assert.ErrorIs(t, raw.Close(), mp.ErrInUse)
	release()
	release()
	assert.EqualValues(t, 5, raw.At(1))
}

func TestVAL04_NewArraysAreZero(t *testing.T) {
	for range 3 {
		for _, n := range []int{1, 7, 100, 5000, 1 << 20} {
			a := mp.Must(mp.NewArray[byte](n))
			a.Update(func(items []byte) {
				assert.Equal(t, -1, slices.IndexFunc(items, func(b byte) bool { return b != 0 }))
				for i := range items {
					items[i] = 0xff
				}
			})
			require.NoError(t, a.Close())
		}
	}
}

type record struct {
	A int32
	B float64
	C int64
}

type doubling struct {
	Plain *mp.RawValue[record]
	Safe  *mp.Value[record]
	Reals *mp.Array[float64]
	Chars *mp.RawArray[byte]
}

var doubleHere = mp.Action(func(_ context.Context, d doubling) error {
	twice := func(r *record) { r.A, r.B, r.C = 2*r.A, 2*r.B, 2*r.C }
	r := d.Plain.Load()
	twice(&r)
	d.Plain.Store(r)
	d.Safe.Update(twice)
	d.Reals.Update(func(items []float64) {
		for i := range items {
			items[i] *= 2
		}
	})
	chars, release := d.Chars.Slice()
	defer release()
	copy(chars[5:], chars[:5])
	return nil
})

func TestVAL05_AndVAL06_StructsAndArraysAreDoubled(t *testing.T) {
	d := doubling{
		made[*mp.RawValue[record]](t)(mp.NewRawValue(record{1, 2.5, 3})),
		made[*mp.Value[record]](t)(mp.NewValue(record{4, 5.5, 6})),
		made[*mp.Array[float64]](t)(mp.ArrayOf([]float64{0, 1, 2, 3})),
		made[*mp.RawArray[byte]](t)(mp.NewRawArray[byte](20)),
	}
	chars, release := d.Chars.Slice()
	defer release()
	copy(chars, "hello")
	before := d.Safe.Load()
	require.NoError(t, join(t, launch(t, doubleHere.With(d))))
	assert.Equal(t, record{2, 5, 6}, d.Plain.Load())
	assert.Equal(t, record{8, 11, 12}, d.Safe.Load())
	assert.Equal(t, record{4, 5.5, 6}, before, "a copy is independent")
	d.Reals.View(func(items []float64) { assert.Equal(t, []float64{0, 2, 4, 6}, items) })
	assert.Equal(t, "hellohello", string(chars[:10]))
}

func TestVAL06_ACopyIsIndependent(t *testing.T) {
	v := made[*mp.Value[record]](t)(mp.NewValue(record{A: 1}))
	c := v.Load()
	v.Update(func(r *record) { r.A = 2 })
	assert.EqualValues(t, 1, c.A)
}

func TestVAL07_BlocksNeverOverlap(t *testing.T) {
	before, cells := arenaUse(t)
	rng := random(t)
	var live []*mp.RawArray[byte]
	drop := func(i int) {
		items, release := live[i].Slice()
		mark := items[0]
		assert.Equal(t, -1, slices.IndexFunc(items, func(b byte) bool { return b != mark }))
		release()
		require.NoError(t, live[i].Close())
		live = slices.Delete(live, i, i+1)
	}
	for range 5000 {
		a := mp.Must(mp.NewRawArray[byte](rng.IntN(2000) + 1))
		items, release := a.Slice()
		mark := byte(rand.IntN(255) + 1)
		for i := range items {
			items[i] = mark
		}
		release()
		if live = append(live, a); len(live) > 50 {
			drop(rng.IntN(len(live)))
		}
	}
	for len(live) > 0 {
		drop(0)
	}
	after, cellsAfter := arenaUse(t)
	assert.LessOrEqual(t, after, before)
	assert.LessOrEqual(t, cellsAfter, cells)
}

// arenaUse returns what the arena has in use.
func arenaUse(t testing.TB) (bytes uint64, cells int) {
	t.Helper()
	require.NoError(t, mp.Must(mp.NewLock()).Close()) // it is mapped, and has a ledger
	return shm.Mapped().Heap()
}

func TestVAL08_DroppedHandlesAreCollected(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	_, before := arenaUse(t)
	for range 2 {
		for i := range 5000 {
			v := mp.Must(mp.NewValue(int64(i)))
			a := mp.Must(mp.NewArray[int64](i%10 + 1))
			v.Update(func(x *int64) { *x++ })
			a.Set(0, 1)
		}
	}
	eventually(t, "dropped handles are collected", func() bool {
		runtime.GC()
		_, now := arenaUse(t)
		return now <= before+2
	})
}

func TestVAL09_LengthsAndIndexes(t *testing.T) {
	a := made[*mp.Array[int]](t)(mp.ArrayOf([]int{1, 2, 3}))
	for _, i := range []int{-1, 3, 1 << 40} {
		assert.Panics(t, func() { a.At(i) })
		assert.Panics(t, func() { a.Set(i, 9) })
	}
	a.View(func(items []int) { assert.Equal(t, []int{1, 2, 3}, items) })
	assert.True(t, a.TryLock(), "a panic leaves it unlocked")
	a.Unlock()
	_, err := mp.NewArray[int](-1)
	assert.ErrorContains(t, err, "a length of -1 is out of range")
	_, err = mp.NewRawArray[int](-1)
	assert.Error(t, err)
	_, err = mp.NewArray[int64](1 << 60)
	assert.Error(t, err)
	empty := made[*mp.Array[int]](t)(mp.NewArray[int](0))
	assert.Zero(t, empty.Len())
	empty.View(func(items []int) { assert.Empty(t, items) })
	assert.Panics(t, func() { empty.At(0) })
}

type shares struct {
	V *mp.Value[int64]
	A *mp.Array[int32]
}

var addToShares = mp.Action(func(_ context.Context, s shares) error {
	for range 2000 {
		s.V.Update(func(x *int64) { *x++ })
		s.A.Lock()
		s.A.Set(1, s.A.At(1)+1)
		s.A.Unlock()
	}
	return nil
})

func TestVAL11_NothingIsLost(t *testing.T) {
	s := shares{made[*mp.Value[int64]](t)(mp.NewValue(int64(0))), made[*mp.Array[int32]](t)(mp.NewArray[int32](3))}
	var ps []*mp.Process
	for range 3 {
		ps = append(ps, launch(t, addToShares.With(s)))
	}
	for _, p := range ps {
		require.NoError(t, join(t, p))
	}
	assert.EqualValues(t, 6000, s.V.Load())
	assert.EqualValues(t, 6000, s.A.At(1))
}

var countIn = mp.Action(func(_ context.Context, v *mp.Value[int64]) error {
	v.Update(func(x *int64) { *x++ })
	return nil
})

func TestVAL12_WorkersOfAPoolShareAValue(t *testing.T) {
	v := made[*mp.Value[int64]](t)(mp.NewValue(int64(0)))
	p, err := pool.New(pool.Options{Workers: 2})
	require.NoError(t, err)
	defer p.Close()
	same := slices.Repeat([]*mp.Value[int64]{v}, 200)
	_, err = pool.Map(t.Context(), p, countIn, same)
	require.NoError(t, err)
	for range 20 {
		_, err := pool.Apply(t.Context(), p, countIn.With(v))
		require.NoError(t, err)
	}
	assert.EqualValues(t, 220, v.Load())
}

func TestUpdateLeavesTheOldValueOnAPanic(t *testing.T) {
	v := made[*mp.Value[record]](t)(mp.NewValue(record{A: 1}))
	assert.Panics(t, func() {
		v.Update(func(r *record) {
			r.A = 2
			panic("in the middle")
		})
	})
	require.True(t, v.TryLock())
	v.Update(func(r *record) { // nested, and under Lock
		r.B = 1
		v.Update(func(r *record) { r.A = 7 })
	})
	v.Unlock()
	assert.Equal(t, record{A: 1, B: 1}, v.Load(), "the outer one is stored last")
}

func TestValuesWithPointersAreRefused(t *testing.T) {
	type named struct {
		N    int
		Name string
	}
	_, err := mp.NewValue(named{})
	assert.ErrorContains(t, err, "named.Name is a string")
	_, err = mp.NewArray[[]int](3)
	assert.Error(t, err)
	_, err = mp.NewRawValue(errors.New("x"))
	assert.Error(t, err)
	_, err = mp.NewRawArray[map[int]int](1)
	assert.Error(t, err)
}

func roundTrip[T comparable](t *testing.T, values ...T) {
	t.Helper()
	v := made[*mp.Value[T]](t)(mp.NewValue(values[0]))
	r := made[*mp.RawValue[T]](t)(mp.NewRawValue(values[0]))
	for _, x := range values {
		v.Store(x)
		r.Store(x)
		assert.Equal(t, x, v.Load(), reflect.TypeFor[T]())
		assert.Equal(t, x, r.Load(), reflect.TypeFor[T]())
		v.Update(func(p *T) { assert.Equal(t, x, *p) })
	}
}

func TestValuesOfEachShape(t *testing.T) {
	roundTrip(t, true, false)
	roundTrip(t, int8(-1), 1)
	roundTrip(t, uint16(1), 65535)
	roundTrip(t, float32(1.5), -2)
	roundTrip(t, complex(1, 2), complex(3, 4))
	roundTrip(t, [3]byte{1, 2, 3}, [3]byte{255, 254, 253})
	roundTrip(t, [5]byte{1, 2, 3, 4, 5}, [5]byte{9})
	roundTrip(t, [6]int8{1}, [6]int8{-1, -2, -3, -4, -5, -6})
	roundTrip(t, [7]byte{7}, [7]byte{6: 9})
	roundTrip(t, [9]byte{8: 1}, [9]byte{8: 2})
	roundTrip(t, record{1, 2, 3}, record{-1, -2, -3})
	roundTrip(t, [40]byte{39: 1}, [40]byte{0: 1})
	roundTrip(t, [4096]byte{4095: 1}, [4096]byte{1})
	roundTrip(t, [70000]byte{69999: 1}, [70000]byte{1})
	roundTrip(t, struct{}{}, struct{}{})
	roundTrip(t, struct {
		A byte
		B int64
		C byte
	}{1, 2, 3})
}

func TestClosedValues(t *testing.T) {
	v, a := mp.Must(mp.NewValue(1)), mp.Must(mp.NewArray[int](2))
	r := mp.Must(mp.NewRawValue(1))
	_, release := v.Ptr()
	assert.ErrorIs(t, v.Close(), mp.ErrInUse)
	release()
	for _, c := range []interface{ Close() error }{v, a, r} {
		require.NoError(t, c.Close())
		require.NoError(t, c.Close())
	}
	for name, f := range map[string]func(){
		"Value.Load": func() { v.Load() }, "Value.Store": func() { v.Store(1) }, "Value.Update": func() { v.Update(func(*int) {}) },
		"Value.Ptr": func() { v.Ptr() }, "Array.At": func() { a.At(0) }, "Array.View": func() { a.View(func([]int) {}) },
		"Array.Slice": func() { a.Slice() }, "RawValue.Load": func() { r.Load() }, "RawValue.Store": func() { r.Store(2) },
	} {
		assert.PanicsWithError(t, "mp: "+name+": has been closed", f)
	}
	assert.ErrorIs(t, v.Acquire(t.Context()), mp.ErrClosed)
	assert.Equal(t, "mp.Value[int](has been closed)", v.String())
	var none *mp.Value[int]
	assert.Panics(t, func() { none.Load() })
	assert.NoError(t, none.Close())
}
