//go:build linux

package mp_test

import (
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// newList makes a list, which is closed and unlinked at the end of the test.
func newList(t testing.TB, items ...any) *mp.ShareableList {
	t.Helper()
	l, err := mp.NewShareableList(shmName(t), items)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = l.Unlink()
		assert.NoError(t, l.Close())
	})
	return l
}

func itemsOf(t testing.TB, l *mp.ShareableList) (items []any) {
	t.Helper()
	for item, err := range l.All() {
		require.NoError(t, err)
		items = append(items, item)
	}
	return items
}

func TestSHM12_TypedItems(t *testing.T) {
	type level uint8
	type label string
	l := newList(t, "howdy", []byte("HoWdY"), -273.154, 100, nil, true, 42, "", []byte{}, "äöü",
		int8(-1), uint64(math.MaxInt64), float32(0.5), level(3), label("x"), time.Second, math.Inf(1))
	want := []any{"howdy", []byte("HoWdY"), -273.154, int64(100), nil, true, int64(42), "", []byte{}, "äöü",
		int64(-1), int64(math.MaxInt64), 0.5, int64(3), "x", int64(time.Second), math.Inf(1)}
	assert.Equal(t, want, itemsOf(t, l))
	assert.Equal(t, len(want), l.Len())
	assert.Contains(t, l.String(), l.Name())
	assert.Contains(t, l.String(), "17 items")

	again, err := mp.OpenShareableList(l.Name())
	require.NoError(t, err)
	defer again.Close()
	assert.Equal(t, want, itemsOf(t, again))
}

func TestSHM12_IndexesOutOfRange(t *testing.T) {
	l := newList(t, 1, 2)
	for _, i := range []int{-1, 2, math.MaxInt, math.MinInt} {
		_, err := l.At(i)
		assert.ErrorContains(t, err, "out of range: the list has 2 items")
		assert.ErrorContains(t, l.Set(i, 1), "out of range")
	}
}

func TestSHM12_AnItemChangesWithinItsPlace(t *testing.T) {
	l := newList(t, 1, "0123456789", 3) // 16 bytes for the string
	other, err := mp.OpenShareableList(l.Name())
	require.NoError(t, err)
	defer other.Close()
	for _, v := range []any{int64(7), -0.5, true, nil, "sixteen bytes ok", []byte("\x00\x01"), "", "äöüäöüäö", false, "0123456789"} {
		require.NoError(t, l.Set(1, v))
		assert.Equal(t, []any{int64(1), v, int64(3)}, itemsOf(t, other))
	}
	assert.ErrorContains(t, l.Set(1, "seventeen bytes !"), "17 bytes into a slot of 16: does not fit")
	assert.ErrorContains(t, l.Set(1, "äöüäöüäöü"), "18 bytes into a slot of 16: does not fit", "bytes count")
	require.NoError(t, l.Set(0, "12345678"))
	assert.ErrorContains(t, l.Set(0, []byte("123456789")), "does not fit")
	assert.Equal(t, []any{"12345678", "0123456789", int64(3)}, itemsOf(t, other), "the neighbours have not been touched")
}

func TestSHM12_WhatCannotBeAnItem(t *testing.T) {
	l := newList(t, 1)
	for what, v := range map[string]any{
		"a struct":          struct{}{},
		"a pointer":         new(int),
		"a list":            []int{1},
		"complex":           1i,
		"too large":         uint64(math.MaxInt64) + 1,
		"not UTF-8":         "\xff",
		"NUL at the end":    "a\x00",
		"bytes ending in 0": []byte{1, 0},
	} {
		assert.Error(t, l.Set(0, v), what)
		name := shmName(t)
		_, err := mp.NewShareableList(name, []any{1, v})
		assert.ErrorContains(t, err, "item 1", what)
		assert.False(t, shmExists(name), what)
	}
	_, err := mp.NewShareableList("", []any{strings.Repeat("x", 9999992)})
	assert.ErrorContains(t, err, "does not fit")
	long := newList(t, strings.Repeat("x", 9999991))
	v, err := long.At(0)
	require.NoError(t, err)
	assert.Len(t, v, 9999991)
	assert.Equal(t, []any{int64(1)}, itemsOf(t, l))
}

func TestSHM12_CountAndIndex(t *testing.T) {
	l := newList(t, 1, "1", true, 1.0, []byte("1"), nil, int8(1), math.NaN(), "1")
	for _, c := range []struct {
		v            any
		count, index int
	}{
		{1, 2, 0}, {uint16(1), 2, 0}, {"1", 2, 1}, {true, 1, 2}, {1.0, 1, 3}, {[]byte("1"), 1, 4}, {nil, 1, 5}, {2, 0, -1}, {math.NaN(), 0, -1}, {false, 0, -1},
	} {
		n, err := l.Count(c.v)
		require.NoError(t, err)
		assert.Equal(t, c.count, n, "%v", c.v)
		i, err := l.Index(c.v)
		require.NoError(t, err)
		assert.Equal(t, c.index, i, "%v", c.v)
	}
	_, err := l.Index(struct{}{})
	assert.Error(t, err)
}

func TestSHM12_ACopyIsIndependent(t *testing.T) {
	l := newList(t, 1, "text", nil)
	c, err := l.Copy("", mp.AutoUnlink())
	require.NoError(t, err)
	require.NoError(t, c.Set(0, 2))
	assert.Equal(t, []any{int64(1), "text", nil}, itemsOf(t, l))
	assert.Equal(t, []any{int64(2), "text", nil}, itemsOf(t, c))
	assert.NotEqual(t, l.Name(), c.Name())
	assert.NoError(t, c.Unlink())
	assert.NoError(t, c.Close())
	_, err = l.Copy(l.Name())
	assert.ErrorIs(t, err, fs.ErrExist)
}

func TestSHM12_AnEmptyList(t *testing.T) {
	l := newList(t)
	assert.Zero(t, l.Len())
	assert.Empty(t, itemsOf(t, l))
	n, err := l.Count(1)
	assert.Equal(t, 0, n)
	assert.NoError(t, err)
	again, err := mp.OpenShareableList(l.Name())
	require.NoError(t, err)
	assert.Zero(t, again.Len())
	assert.NoError(t, again.Close())
}

func TestSHM12_ClosedAndNilLists(t *testing.T) {
	l := newList(t, 1, 2)
	for item, err := range l.All() {
		require.NoError(t, err)
		assert.Equal(t, int64(1), item)
		break
	}
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	_, err := l.At(0)
	assert.ErrorIs(t, err, mp.ErrClosed)
	assert.ErrorIs(t, l.Set(0, 1), mp.ErrClosed)
	_, err = l.Copy("")
	assert.ErrorIs(t, err, mp.ErrClosed)
	assert.Equal(t, 2, l.Len())
	for _, l := range []*mp.ShareableList{nil, new(mp.ShareableList)} {
		_, err := l.At(0)
		assert.ErrorContains(t, err, "create it after mp.Init")
		_, err = l.Index(0)
		assert.ErrorContains(t, err, "create it after mp.Init")
		assert.Error(t, l.Set(0, 1))
		assert.Error(t, l.Close())
		assert.Error(t, l.Unlink())
		assert.Empty(t, l.Name())
		assert.Equal(t, "ShareableList(nil)", l.String())
	}
}

// Another process can do with the block what it likes: that is an error, and
// not the end of this process.
func TestSHM12_ATruncatedListIsAnError(t *testing.T) {
	l := newList(t, make([]any, 1000)...)
	require.NoError(t, os.Truncate(shmPath(l.Name()), 0))
	_, err := l.At(999)
	assert.ErrorContains(t, err, "truncated by another process")
	assert.ErrorContains(t, l.Set(0, "x"), "truncated by another process")
	_, err = mp.OpenShareableList(l.Name())
	assert.ErrorContains(t, err, "it is empty")
}

func TestSHM12_ABlockThatIsNoList(t *testing.T) {
	s := newShm(t, 64)
	poke(s, strings.Repeat("x", 64))
	_, err := mp.OpenShareableList(s.Name())
	assert.ErrorContains(t, err, "not a ShareableList")
	assert.True(t, shmExists(s.Name()))
}
