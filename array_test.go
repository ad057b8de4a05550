//go:build linux

package mp_test

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// odd is 13 bytes of fields in 24.
type odd struct {
	A byte
	B int64
	C float32
}

// rows is an array of each kind that a child changes.
type rows struct {
	Bytes  *mp.Array[byte]
	Odd    *mp.Array[odd]
	Triple *mp.Array[[3]byte]
	Raw    *mp.RawArray[complex128]
	None   *mp.Array[int]
	Empty  *mp.Array[struct{}]
	Raws   []*mp.RawArray[odd]
}

var changeRows = mp.Func(func(_ context.Context, r rows) (lengths []int, err error) {
	for i, b := range r.Bytes.All() {
		r.Bytes.Set(i, b+1)
	}
	r.Odd.Update(func(items []odd) {
		for i := range items {
			items[i] = odd{byte(i), int64(i) << 40, float32(i) / 2}
		}
	})
	r.Triple.Set(1, [3]byte{7, 8, 9})
	r.Raw.Set(2, complex(1, -2))
	items, release := r.Raws[0].Slice()
	defer release()
	items[3].C = 1.5
	return []int{r.Bytes.Len(), r.Odd.Len(), r.Triple.Len(), r.Raw.Len(), r.None.Len(), r.Empty.Len(), r.Raws[0].Len()}, nil
})

func TestVAL03_ArraysOfAllKindsOfItems(t *testing.T) {
	all := []byte{0, 1, 2, 254}
	r := rows{
		made[*mp.Array[byte]](t)(mp.ArrayOf(all)),
		made[*mp.Array[odd]](t)(mp.NewArray[odd](1000)),
		made[*mp.Array[[3]byte]](t)(mp.NewArray[[3]byte](3)),
		made[*mp.RawArray[complex128]](t)(mp.NewRawArray[complex128](4)),
		made[*mp.Array[int]](t)(mp.NewArray[int](0)),
		made[*mp.Array[struct{}]](t)(mp.NewArray[struct{}](6)),
		[]*mp.RawArray[odd]{made[*mp.RawArray[odd]](t)(mp.NewRawArray[odd](5))},
	}
	lengths, err := mp.Run(bounded(t), changeRows.With(r))
	require.NoError(t, err)
	assert.Equal(t, []int{4, 1000, 3, 4, 0, 6, 5}, lengths)
	r.Bytes.View(func(items []byte) { assert.Equal(t, []byte{1, 2, 3, 255}, items) })
	assert.Equal(t, []byte{0, 1, 2, 254}, all, "it is a copy")
	assert.Equal(t, odd{231, 999 << 40, 499.5}, r.Odd.At(999))
	assert.Equal(t, [3]byte{7, 8, 9}, r.Triple.At(1))
	assert.Zero(t, r.Triple.At(0))
	assert.Zero(t, r.Triple.At(2))
	assert.Equal(t, complex(1, -2), r.Raw.At(2))
	assert.Zero(t, r.Raw.At(3))
	assert.Equal(t, odd{C: 1.5}, r.Raws[0].At(3))
	r.Empty.Set(5, struct{}{})
	assert.Panics(t, func() { r.Empty.At(6) })
	assert.Equal(t, "mp.Array[[3]uint8](3 items)", r.Triple.String())
	assert.Equal(t, "mp.RawArray[complex128](4 items)", r.Raw.String())
}

// What is given out is a slice of exactly the items.
func TestSlicesOfAnArrayEndWithIt(t *testing.T) {
	a := made[*mp.Array[int32]](t)(mp.ArrayOf([]int32{1, 2, 3}))
	beyond := func(items []int32) {
		assert.Len(t, items, 3)
		assert.Equal(t, 3, cap(items))
		items = append(items, 4)
		items[0] = 9
	}
	a.View(beyond)
	a.Update(beyond)
	items, release := a.Slice()
	beyond(items)
	items[1] = 7
	release()
	a.View(func(items []int32) { assert.Equal(t, []int32{1, 7, 3}, items) })

	var seen []int32
	for i, x := range a.All() {
		if i == 2 {
			break
		}
		seen = append(seen, x)
		assert.True(t, freeFor(a), "the lock is not held in between")
	}
	assert.Equal(t, []int32{1, 7}, seen)
}

// The lock is held in View and Update, and free again whatever becomes of them.
func TestViewAndUpdateHoldTheLock(t *testing.T) {
	l := made[*mp.RLock](t)(mp.NewRLock())
	for _, a := range []*mp.Array[int]{
		made[*mp.Array[int]](t)(mp.NewArray[int](3)),
		made[*mp.Array[int]](t)(mp.NewArray[int](3, mp.WithLock(l))),
	} {
		for _, use := range []func(func([]int)){a.View, a.Update} {
			use(func([]int) {
				assert.False(t, freeFor(a))
				use(func([]int) { assert.False(t, freeFor(a)) })
				a.Set(1, a.At(1)+1)
				assert.False(t, freeFor(a))
			})
			assert.True(t, freeFor(a))
			assert.Panics(t, func() { use(func(items []int) { items[0]++; panic("halfway") }) })
			assert.True(t, freeFor(a))
		}
		assert.Equal(t, 2, a.At(0), "what was written stays")
		assert.Equal(t, 2, a.At(1))
	}
}

func TestVAL09_TheTextOfAnIndexOutOfRange(t *testing.T) {
	a := made[*mp.Array[int]](t)(mp.NewArray[int](3))
	r := made[*mp.RawArray[int]](t)(mp.NewRawArray[int](3))
	for _, f := range []func(){
		func() { a.At(3) }, func() { a.Set(3, 1) }, func() { r.At(3) }, func() { r.Set(3, 1) },
	} {
		assert.Equal(t, "runtime error: index out of range [3] with length 3", panicText(f))
		assert.True(t, freeFor(a))
	}
	require.NoError(t, r.Close(), "nothing is left inside")
	r = made[*mp.RawArray[int]](t)(mp.NewRawArray[int](0))
	assert.Zero(t, r.Len())
	items, release := r.Slice()
	defer release()
	assert.NotNil(t, items)
	assert.Empty(t, items)
	none, err := mp.ArrayOf[int](nil)
	require.NoError(t, err)
	assert.Zero(t, none.Len())
	require.NoError(t, none.Close())
}

// More than there is is an error, and leaves nothing behind.
func TestArraysThatAreTooLarge(t *testing.T) {
	before := heap(t)
	for _, n := range []int{math.MaxInt, math.MaxInt / 8, math.MaxInt/8 + 1, 1 << 45, 1 << 43} {
		a, err := mp.NewArray[int64](n)
		assert.ErrorIs(t, err, mp.ErrNoMemory, n)
		assert.ErrorContains(t, err, "are wanted", n)
		assert.Nil(t, a)
		r, err := mp.NewRawArray[int64](n)
		assert.ErrorIs(t, err, mp.ErrNoMemory, n)
		assert.Nil(t, r)
	}
	_, err := mp.NewArray[byte](1 << 42) // 4 TiB
	assert.ErrorIs(t, err, mp.ErrNoMemory)
	assert.Regexp(t, `^mp: NewArray: not enough memory: .*4194304 MiB more .* wanted, and .*[0-9]+ MiB`, err)
	for _, n := range []int{-1, math.MinInt} {
		_, err := mp.NewRawArray[struct{}](n)
		assert.ErrorContains(t, err, "out of range")
	}
	assert.LessOrEqual(t, heap(t), before)
}

var fillEnds = mp.Action(func(_ context.Context, a *mp.Array[byte]) error {
	a.Update(func(items []byte) { items[0], items[len(items)-1] = 1, 2 })
	return nil
})

func TestALargeArrayIsNotCopied(t *testing.T) {
	const size = 64 << 20
	a := made[*mp.Array[byte]](t)(mp.NewArray[byte](size))
	for range 5 {
		require.NoError(t, join(t, launch(t, fillEnds.With(a))))
	}
	assert.EqualValues(t, 1, a.At(0))
	assert.EqualValues(t, 2, a.At(size-1))
}

// Zeros again, also where others have left their bytes, and whatever the size.
func TestVAL04_UsedMemoryIsZeroAgain(t *testing.T) {
	sizes := []int{9, 16, 17, 64, 100, 4096, 5000, 16 << 10, 16<<10 + 1, 70_000, 1 << 20}
	for range 3 {
		var all []*mp.RawArray[byte]
		for _, size := range sizes {
			for range 3 {
				a, err := mp.NewRawArray[byte](size)
				require.NoError(t, err)
				items, release := a.Slice()
				require.Equal(t, -1, slices.IndexFunc(items, func(b byte) bool { return b != 0 }), size)
				for i := range items {
					items[i] = 0xa5
				}
				release()
				all = append(all, a)
			}
		}
		for _, a := range all {
			require.NoError(t, a.Close())
		}
	}
}

// Several goroutines of several processes at one array.
func TestArraysFromManyGoroutines(t *testing.T) {
	s := shares{made[*mp.Value[int64]](t)(mp.NewValue(int64(0))), made[*mp.Array[int32]](t)(mp.NewArray[int32](3))}
	child := launch(t, addToShares.With(s))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				s.A.Update(func(items []int32) { items[1]++ })
				s.V.Update(func(x *int64) { *x++ })
			}
		})
	}
	all.Wait()
	require.NoError(t, join(t, child))
	assert.EqualValues(t, 4000, s.A.At(1))
	assert.EqualValues(t, 4000, s.V.Load())
}
