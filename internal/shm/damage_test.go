//go:build linux

package shm

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A vandal overwrites an arena, and puts it back.
type vandal struct {
	t    testing.TB
	a    *Arena
	rng  *rand.Rand
	kept map[uint64][]byte // what was where
	refs []Ref
}

// newVandal returns an arena with a bit of everything in it.
func newVandal(t testing.TB, rng *rand.Rand) *vandal {
	v := &vandal{t: t, a: freshOf(t, leastSize), rng: rng, kept: make(map[uint64][]byte)}
	var some []*Object
	for i := range 40 {
		o := newObject(t, v.a, []uint64{0, 10, 100, 5000, 20000, 40000}[i%6])
		some = append(some, o)
	}
	for i, o := range some {
		if i%3 == 0 {
			require.NoError(t, o.Drop())
		} else {
			v.refs = append(v.refs, o.Ref())
		}
	}
	link, err := v.a.New(Spec{Kind: FirstKind, Link: some[1]})
	if err != nil { // of which there is memory
		link, err = v.a.New(Spec{Kind: FirstKind, Link: newObject(t, v.a, 0)})
	}
	require.NoError(t, err)
	v.refs = append(v.refs, link.Ref())
	checkIntegrity(t, v.a)
	victim := impostor(t, v.a, 3)
	for _, size := range []uint64{0, 70, 30000} {
		newObject(t, victim, size)
	}
	victim.die()
	v.keep(0, headSize)
	v.keep(slotsStart, 10*slotSize)
	v.keep(cellsStart, cellSize*uint64(v.a.load(offCellsTop)+10))
	v.keep(v.a.heapStart(), pageSize*uint64(v.a.load(offPagesTop)))
	return v
}

func (v *vandal) keep(off, size uint64) {
	v.kept[off] = append([]byte{}, v.a.bytes(off, size)...)
}

// restore puts everything back, and forgets what the process had.
func (v *vandal) restore() {
	// What a damaged arena has given out may lie anywhere.
	require.NoError(v.t, v.a.punchHere(v.a.heapStart(), v.a.size-v.a.heapStart()))
	for off, text := range v.kept {
		copy(v.a.bytes(off, uint64(len(text))), text)
	}
	v.a.mu.Lock()
	defer v.a.mu.Unlock()
	clear(v.a.objects)
}

// strike overwrites a word.
func (v *vandal) strike() {
	top := uint64(v.a.load(offCellsTop))
	off := []uint64{
		128 + v.rng.Uint64N(2300),
		offGeneration + v.rng.Uint64N(110),
		slotsStart + v.rng.Uint64N(6*slotSize),
		cellsStart + v.rng.Uint64N(cellSize*max(min(top, 1000), 1)),
		cellsStart + v.rng.Uint64N(cellSize*max(min(top, 1000), 1)),
		v.a.heapStart() + v.rng.Uint64N(300000),
	}[v.rng.IntN(6)] &^ 3
	word := []uint32{0, 1, uint32(v.rng.IntN(50)), v.rng.Uint32(), 1<<32 - 1, uint32(v.rng.IntN(1 << 17)), v.a.load(off) + 1, v.a.load(off) ^ 1<<v.rng.IntN(32)}
	binary.NativeEndian.PutUint32(v.a.bytes(off, 4), word[v.rng.IntN(len(word))])
}

// use does all that one can do with an arena. Nothing of it may end the process.
func (v *vandal) use() {
	a := v.a
	var live []*Object
	for _, r := range v.refs {
		if o, err := a.Open(r); err == nil {
			live = append(live, o)
			o.Memory()
		}
	}
	for _, size := range []uint64{0, 10, 100, 5000, 17000, 100000, leastSize, 0} {
		if o, err := a.New(Spec{Kind: FirstKind, Size: size}); err == nil {
			live = append(live, o)
		}
	}
	_ = a.Transact(func(t *Tx) error {
		t.Holders(5, func(uint32, uint64) bool { return true })
		return nil
	})
	a.Reap()
	for _, o := range live {
		if ok, _ := o.LockWord().Try(); ok {
			o.LockWord().OwnerDied()
			o.LockWord().Release()
		}
		if l, err := o.Linked(); err == nil {
			_ = l.Drop()
		}
		_ = o.Units(func(t *Tx, units uint64) error { t.Add(units, 1); return nil })
		_ = o.Drop()
		_ = a.PID(o.LockWord().Owner())
	}
	_ = a.empty(a.slot, true)
	a.Heap()
}

// Whatever is overwritten in an arena, its processes neither crash nor hang: they
// get errors, or nonsense.
func TestDamagedArena(t *testing.T) {
	v := newVandal(t, random(t))
	n := 3000
	if testing.Short() || raceEnabled {
		n = 500
	}
	slowest := time.Duration(0)
	for i := range n {
		for range v.rng.IntN(8) + 1 {
			v.strike()
		}
		began := time.Now()
		within(t, patience, "a damaged arena", func() {
			defer func() {
				if r := recover(); r != nil {
					assert.Fail(t, "a damaged arena crashes", "in round %d: %v", i, r)
				}
			}()
			v.use()
		})
		slowest = max(slowest, time.Since(began))
		if t.Failed() {
			return
		}
		v.restore()
	}
	t.Logf("at most %v", slowest)
	assert.Less(t, slowest, 5*time.Second)
	checkIntegrity(t, v.a)
}

// Lists that lead in circles, each of them.
func TestCircles(t *testing.T) {
	v := newVandal(t, random(t))
	a := v.a
	circle := func(name string, strike func()) {
		strike()
		within(t, patience, "a circle: "+name, v.use)
		v.restore()
	}
	free := a.load(offFreeExtent)
	require.NotZero(t, free)
	circle("free extents", func() { *a.word(a.cell(free) + extentNextFree) = free })
	circle("free cells", func() { c := a.load(offFreeCells); *a.word(a.cell(c) + cellNextFree) = c })
	circle("slabs", func() { s := a.load(slabsOf(1)); *a.word(a.cell(s) + extentNextFree) = s })
	circle("chunks", func() { c := a.load64(slotAt(1) + slotChunk); *a.wide(c + chunkPrev) = c })
	circle("chunks of the dead", func() { c := a.load64(slotAt(3) + slotChunk); *a.wide(c + chunkPrev) = c })
	circle("links", func() { c := v.refs[len(v.refs)-1].Cell; *a.word(a.cell(c) + CellLink) = c })
	circle("extents", func() { e := a.load(offLastExtent); *a.word(a.cell(e) + extentPrev) = e })
	circle("slots", func() { *a.word(offSlotsTop) = 1<<32 - 1 })
	circle("journal", func() { *a.word(offJournal) = 1<<32 - 1 })
	circle("generations", func() { *a.word(offGeneration) = 1<<32 - 1 })
	checkIntegrity(t, a)
}

// A journal that makes no sense, found by one who takes the arena over from a dead
// process.
func TestDamagedJournal(t *testing.T) {
	a := fresh(t)
	for _, n := range []uint32{journalEntries + 1, 1<<32 - 1, 2} {
		b := impostor(t, a, 2)
		ok, _ := b.metaLock().Try()
		require.True(t, ok)
		*a.wide(offEntries) = 1<<63 + 8
		*a.word(offJournal) = n
		b.die()
		var err error
		within(t, patience, "a damaged journal", func() { err = a.Transact(nothing) })
		assert.ErrorIs(t, err, ErrDamaged)
		*a.word(offJournal) = 0
		a.Reap()
	}
	require.NoError(t, a.Transact(nothing))
	checkIntegrity(t, a)
}

// attach refuses what is no arena.
func TestAttachRefuses(t *testing.T) {
	a := fresh(t)
	for _, off := range []uint64{offMagic, offSize, offVersion} {
		*a.word(off)++
		_, err := attach(a.file)
		assert.ErrorIs(t, err, ErrDamaged)
		*a.word(off)--
	}
	another(t, a.file)
}
