//go:build linux

package shm

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A modelled object is what an object should be.
type modelled struct {
	o       *Object
	size    uint64
	mark    byte
	handles []int // by the process that has them
	from    uint64
}

// A model is what several processes should have of an arena.
type model struct {
	t    testing.TB
	rng  *rand.Rand
	as   []*Arena
	live []*modelled
}

// sizes are of all classes, and around their bounds.
func (m *model) size() uint64 {
	switch m.rng.IntN(12) {
	case 0:
		return 0
	case 1:
		return uint64(m.rng.IntN(8<<20) + 1)
	case 2:
		return largest + uint64(m.rng.IntN(3)) - 1
	case 3:
		return uint64(m.rng.IntN(1<<20) + 1)
	default:
		bound := uint64(smallest) << m.rng.IntN(classes)
		return bound - uint64(m.rng.IntN(int(bound)))/uint64(m.rng.IntN(3)+1)
	}
}

func (m *model) create() {
	who := m.rng.IntN(len(m.as))
	x := &modelled{size: m.size(), mark: byte(m.rng.IntN(255) + 1), handles: make([]int, len(m.as))}
	o, err := m.as[who].New(Spec{Kind: FirstKind, Hash: uint32(x.mark), Size: x.size})
	require.NoError(m.t, err)
	x.o, x.from, x.handles[who] = o, o.memory, 1
	for _, word := range []uint64{CellLock, CellFlags, CellBody, CellBody + 4, CellHolder, CellHolder + 4} {
		require.Zero(m.t, *o.Word(word), "the word at %d of a new cell", word)
	}
	memory := o.bytesForTest()
	require.EqualValues(m.t, x.size, len(memory))
	require.NotContains(m.t, m.summary(memory), byte(1), "a new block of %d bytes is not zero", x.size)
	for i := range memory {
		memory[i] = x.mark
	}
	if x.size > 0 {
		for _, other := range m.live {
			require.False(m.t, other.size > 0 && other.from < x.from+x.size && x.from < other.from+other.size,
				"%d bytes at %d and %d bytes at %d", x.size, x.from, other.size, other.from)
		}
	}
	m.live = append(m.live, x)
}

// summary is {1} if there is anything but zeros.
func (m *model) summary(memory []byte) []byte {
	if slices.ContainsFunc(memory, func(b byte) bool { return b != 0 }) {
		return []byte{1}
	}
	return nil
}

// open gives a process a handle, by a reference or by sharing what it has.
func (m *model) open(x *modelled) {
	who := m.rng.IntN(len(m.as))
	o, err := m.as[who].Open(x.o.Ref())
	require.NoError(m.t, err)
	x.handles[who]++
	m.check(x, o)
	if m.rng.IntN(3) == 0 {
		o.Share()
		x.handles[who]++
	}
}

func (m *model) check(x *modelled, o *Object) {
	require.Equal(m.t, x.o.Ref(), o.Ref())
	for _, b := range o.bytesForTest() {
		if b != x.mark {
			require.Equal(m.t, x.mark, b, "in a block of %d bytes", x.size)
		}
	}
}

// drop takes a handle from a process that has one.
func (m *model) drop(i int) {
	x := m.live[i]
	who := m.rng.IntN(len(m.as))
	for x.handles[who] == 0 {
		who = (who + 1) % len(m.as)
	}
	o := m.as[who].objects[x.o.cell]
	require.NotNil(m.t, o)
	m.check(x, o)
	require.NoError(m.t, o.Drop())
	x.handles[who]--
	if slices.Max(x.handles) == 0 {
		m.live[i] = m.live[len(m.live)-1]
		m.live = m.live[:len(m.live)-1]
		for _, a := range m.as {
			_, err := a.Open(x.o.Ref())
			require.ErrorIs(m.t, err, ErrGone)
		}
	}
}

// Several processes make, pass on and give up objects of all sizes, and the arena
// agrees with a model of it. Here they are several mappings in one process.
func TestArenaAgreesWithItsModel(t *testing.T) {
	a := fresh(t)
	m := &model{t: t, rng: random(t), as: []*Arena{a, another(t, a.file), another(t, a.file)}}
	steps, most := 4000, 150
	if testing.Short() || raceEnabled {
		steps = 800
	}
	empty := usageOf(a)
	for i := range steps {
		switch n := m.rng.IntN(10); {
		case len(m.live) == 0 || n < 4 && len(m.live) < most:
			m.create()
		case n < 6:
			m.open(m.live[m.rng.IntN(len(m.live))])
		default:
			m.drop(m.rng.IntN(len(m.live)))
		}
		if i%200 == 0 {
			checkIntegrity(t, a)
		}
	}
	for len(m.live) > 0 {
		m.drop(m.rng.IntN(len(m.live)))
	}
	checkIntegrity(t, a)
	checkEmpty(t, a, empty)
}

// checkEmpty fails the test if more is in use than what it was at the start, but
// for empty slabs that are kept for the ledgers, and the memory of the cells.
func checkEmpty(t testing.TB, a *Arena, start usage) {
	t.Helper()
	now, slabs := usageOf(a), uint32(0)
	for s := a.load(slabsOf(classOf(chunkSize))); s != 0; s = a.load(a.cell(s) + extentNextFree) {
		if a.load(a.cell(s)+slabUsed) == 0 {
			slabs++
		}
	}
	assert.LessOrEqual(t, now.pages, start.pages+slabs*slabSize/pageSize)
	assert.LessOrEqual(t, now.cells, start.cells+2*slabs, "what is free has a cell, too")
	most := int64(start.pages+slabs*slabSize/pageSize)*pageSize + cellSize*int64(a.load(offCellsRoom))
	assert.LessOrEqual(t, memoryOf(t, a), most+int64(slotsStart+slotSize*maxSlots), "memory has not been given back")
	assert.Less(t, slabs, uint32(5))
}

// What is free melts together whatever the order in which it was given up.
func TestFreeExtentsMelt(t *testing.T) {
	a := fresh(t)
	rng := random(t)
	keep, err := a.New(Spec{Kind: FirstKind}) // the ledger's slab stays in use
	require.NoError(t, err)
	start := usageOf(a)
	for range 20 {
		objects := make([]*Object, 40)
		for i := range objects {
			objects[i], err = a.New(Spec{Kind: FirstKind, Size: uint64(largest + 1 + rng.IntN(1<<20))})
			require.NoError(t, err)
		}
		rng.Shuffle(len(objects), func(i, j int) { objects[i], objects[j] = objects[j], objects[i] })
		for _, o := range objects {
			require.NoError(t, o.Drop())
		}
		require.Equal(t, start, usageOf(a))
		require.Zero(t, a.load(offFreeExtent))
	}
	checkIntegrity(t, a)
	require.NoError(t, keep.Drop())
}

// Freed memory belongs to the kernel again, and what is reserved is ours.
func TestMemoryIsTakenAndGivenBack(t *testing.T) {
	a := fresh(t)
	small, err := a.New(Spec{Kind: FirstKind})
	require.NoError(t, err)
	before := memoryOf(t, a)
	for range 3 {
		o, err := a.New(Spec{Kind: FirstKind, Size: 40<<20 + 1})
		require.NoError(t, err)
		assert.EqualValues(t, before+40<<20+pageSize, memoryOf(t, a))
		require.NoError(t, o.Drop())
		assert.Equal(t, before, memoryOf(t, a))
	}
	var objects []*Object
	for range 1000 {
		o, err := a.New(Spec{Kind: FirstKind, Size: 4000})
		require.NoError(t, err)
		objects = append(objects, o)
	}
	assert.Greater(t, memoryOf(t, a), before+4000*1000)
	for _, o := range objects {
		require.NoError(t, o.Drop())
	}
	assert.LessOrEqual(t, memoryOf(t, a), before+2*slabSize)
	require.NoError(t, small.Drop())
	checkIntegrity(t, a)
}

// A linked object lives as long as what holds it.
func TestLinkHoldsAnObject(t *testing.T) {
	a := fresh(t)
	b := another(t, a.file)
	start := usageOf(a)
	lock, err := a.New(Spec{Kind: FirstKind})
	require.NoError(t, err)
	user, err := a.New(Spec{Kind: FirstKind + 1, Size: 100, Link: lock})
	require.NoError(t, err)
	checkIntegrity(t, a)
	require.NoError(t, lock.Drop())
	checkIntegrity(t, a)
	there, err := b.Open(user.Ref())
	require.NoError(t, err)
	require.NoError(t, user.Drop())
	linked, err := there.Linked()
	require.NoError(t, err)
	assert.Equal(t, lock.Ref(), linked.Ref())
	require.NoError(t, there.Drop())
	checkIntegrity(t, a)
	require.NoError(t, linked.Drop())
	_, err = a.Open(lock.Ref())
	require.ErrorIs(t, err, ErrGone)
	checkIntegrity(t, a)
	checkEmpty(t, a, start)
}

// A cell or a block that has been used does not show it.
func TestRefsOfTheDeadAndOfOtherKinds(t *testing.T) {
	a := fresh(t)
	o, err := a.New(Spec{Kind: FirstKind, Hash: 7, Size: 64})
	require.NoError(t, err)
	b := another(t, a.file)
	for _, bad := range []func(*Ref){
		func(r *Ref) { r.Kind++ },
		func(r *Ref) { r.Hash++ },
	} {
		r := o.Ref()
		bad(&r)
		_, err := a.Open(r)
		assert.ErrorIs(t, err, ErrKind)
		_, err = b.Open(r)
		assert.ErrorIs(t, err, ErrKind)
	}
	for _, r := range []Ref{{}, {Cell: o.cell}, {Cell: o.cell, Generation: o.ref.Generation + 1}, {Cell: 0, Generation: 1},
		{Cell: a.load(offCellsTop), Generation: 1}, {Cell: 1<<32 - 1, Generation: 1}} {
		_, err := b.Open(r)
		assert.Error(t, err, "%v", r)
		_, err = a.Open(r)
		assert.Error(t, err, "%v", r)
	}
	// The cells of extents and slabs are nobody's to open.
	for c := uint32(1); c < a.load(offCellsTop); c++ {
		if c != o.cell {
			at := a.cell(c)
			_, err := b.Open(Ref{c, a.load(at + CellGeneration), Kind(a.load(at + CellKind)), 0})
			assert.Error(t, err)
		}
	}
	require.NoError(t, o.Drop())
	checkIntegrity(t, a)
}
