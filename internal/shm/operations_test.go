//go:build linux

package shm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An operation is what a process dies in. prepare is done before.
type operation struct {
	name    string
	prepare func(t testing.TB, survivor, b *Arena) func()
	// steps is how many transactions it has: of one, all or nothing is to be seen.
	steps int
}

func newObject(t testing.TB, a *Arena, size uint64) *Object {
	t.Helper()
	o, err := a.New(Spec{Kind: FirstKind, Size: size})
	require.NoError(t, err)
	return o
}

var operations = []operation{
	{"create a cell", creating(0), 1},
	{"create a small block", creating(200), 1},
	{"create a block of a slab that is there", func(t testing.TB, a, b *Arena) func() {
		newObject(t, b, 200)
		return func() { _, _ = b.New(Spec{Kind: FirstKind, Size: 200}) }
	}, 1},
	{"create a large one", creating(3 * largest), 1},
	{"create a large one out of a free extent", func(t testing.TB, a, b *Arena) func() {
		hole := newObject(t, b, 10*largest)
		newObject(t, b, 2*largest)
		require.NoError(t, hole.Drop())
		return func() { _, _ = b.New(Spec{Kind: FirstKind, Size: 3 * largest}) }
	}, 1},
	{"create with a link", func(t testing.TB, a, b *Arena) func() {
		lock := newObject(t, b, 0)
		return func() { _, _ = b.New(Spec{Kind: FirstKind, Size: 100, Link: lock}) }
	}, 1},
	{"open", func(t testing.TB, a, b *Arena) func() {
		r := only(t, a).Ref()
		return func() { _, _ = b.Open(r) }
	}, 1},
	{"open, with a new piece of the ledger", func(t testing.TB, a, b *Arena) func() {
		for range chunkEntries {
			newObject(t, b, 0)
		}
		r := only(t, a).Ref()
		return func() { _, _ = b.Open(r) }
	}, 1},
	{"close what others have", func(t testing.TB, a, b *Arena) func() {
		o, err := b.Open(only(t, a).Ref())
		require.NoError(t, err)
		return func() { _ = o.Drop() }
	}, 1},
	{"close a cell", dropping(0), 1},
	{"close one of two small blocks", func(t testing.TB, a, b *Arena) func() {
		newObject(t, b, 200)
		o := newObject(t, b, 200)
		return func() { _ = o.Drop() }
	}, 1},
	{"close the last block of a slab", dropping(200), 3},
	{"close a large one", dropping(9 * largest), 3},
	{"close what holds another one", func(t testing.TB, a, b *Arena) func() {
		lock := newObject(t, b, 0)
		o, err := b.New(Spec{Kind: FirstKind, Size: 20 * largest, Link: lock})
		require.NoError(t, err)
		require.NoError(t, lock.Drop())
		return func() { _ = o.Drop() }
	}, 3},
	{"close a large one between free ones", func(t testing.TB, a, b *Arena) func() {
		var os [4]*Object
		for i := range os {
			os[i] = newObject(t, b, 2*largest)
		}
		require.NoError(t, os[0].Drop())
		require.NoError(t, os[2].Drop())
		return func() { _ = os[1].Drop() }
	}, 3},
	{"end in good order", func(t testing.TB, a, b *Arena) func() {
		for _, size := range []uint64{0, 64, 5000, 100000} {
			newObject(t, b, size)
		}
		return func() { _ = b.empty(b.slot, true) }
	}, 100},
	{"settle", func(t testing.TB, a, b *Arena) func() {
		victim := impostor(t, a, 5)
		for _, size := range []uint64{0, 64, 64, 5000, 100000, 300000} {
			newObject(t, victim, size)
		}
		_, err := victim.Open(only(t, a).Ref())
		require.NoError(t, err)
		victim.die()
		return b.Reap
	}, 100},
}

func creating(size uint64) func(t testing.TB, survivor, b *Arena) func() {
	return func(t testing.TB, _, b *Arena) func() {
		return func() { _, _ = b.New(Spec{Kind: FirstKind, Size: size}) }
	}
}

func dropping(size uint64) func(t testing.TB, survivor, b *Arena) func() {
	return func(t testing.TB, _, b *Arena) func() {
		o := newObject(t, b, size)
		return func() { _ = o.Drop() }
	}
}
