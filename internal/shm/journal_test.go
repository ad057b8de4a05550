//go:build linux

package shm

import (
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/sys"
)

// impostor is a process that is not one: it has a slot, and no thread that keeps
// it, so that it can die a thousand times.
func impostor(t testing.TB, a *Arena, slot uint32) *Arena {
	t.Helper()
	b := &Arena{file: a.file, base: a.base, size: a.size, objects: make(map[uint32]*Object), slot: slot}
	b.buried.L = &b.mu
	b.keeper.punches = make(chan punch)
	require.True(t, atomic.CompareAndSwapUint32(a.word(slotAt(slot)+slotKeeper), 0, 1<<20+slot))
	b.self = ownerOf(slot, a.load(slotAt(slot)+slotGeneration))
	if top := a.load(offSlotsTop); top <= slot {
		atomic.StoreUint32(a.word(offSlotsTop), slot+1)
	}
	go func() {
		for p := range b.keeper.punches {
			p.done <- b.punchHere(p.off, p.size)
		}
	}()
	t.Cleanup(func() { close(b.keeper.punches) })
	return b
}

// die is the death of an impostor.
func (a *Arena) die() { atomic.StoreUint32(a.word(slotAt(a.slot)+slotKeeper), sys.FutexOwnerDied) }

// dieAt runs op, whose process dies in it at the kth instant. It returns false if
// op has ended before.
func dieAt(k int, op func()) (died bool) {
	n, reached, done := 0, make(chan struct{}), make(chan struct{})
	crash = func() {
		if n++; n == k {
			close(reached)
			forever()
		}
	}
	go func() {
		op()
		close(done)
	}()
	select {
	case <-reached:
		died = true
	case <-done:
	}
	crash = nil
	return died
}

// only returns the object that the survivor has.
func only(t testing.TB, a *Arena) *Object {
	t.Helper()
	require.Len(t, a.objects, 1)
	for _, o := range a.objects {
		return o
	}
	return nil
}

// newSurvivor returns an arena with an object, and some free cells.
func newSurvivor(t testing.TB) *Arena {
	a := fresh(t)
	newObject(t, a, 6000)
	for i := range only(t, a).bytesForTest() {
		only(t, a).bytesForTest()[i] = 0xa5
	}
	var some []*Object
	for range 5 {
		some = append(some, newObject(t, a, 0))
	}
	for _, o := range some {
		require.NoError(t, o.Drop())
	}
	return a
}

// A process that is killed at any instant of any operation has done it or not,
// and leaves nothing that cannot be settled.
func TestDeathAtEveryInstant(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			a := newSurvivor(t)
			start := usageOf(a)
			most := 0
			var afterwards map[usage]bool // what may be in use afterwards: as before, or as after the whole
			for k := 1; ; k++ {
				b := impostor(t, a, 2)
				fn := op.prepare(t, a, b)
				before := usageOf(a)
				if k == 1 {
					// Once with nobody dying, to know how it ends.
					require.False(t, dieAt(-1, fn))
					afterwards = map[usage]bool{before: true, usageOf(a): true}
				}
				died := k > 1 && dieAt(k-1, fn)
				b.die()
				most = max(most, b.tx.n)
				within(t, patience, "a transaction after the death", func() { require.NoError(t, a.Transact(nothing)) })
				checkIntegrity(t, a)
				if op.steps == 1 {
					require.True(t, afterwards[usageOf(a)], "in use at instant %d: %v, not one of %v", k-1, usageOf(a), afterwards)
				}
				within(t, patience, "Reap", a.Reap)
				require.Zero(t, a.load(slotAt(2)+slotKeeper))
				require.Zero(t, a.load(slotAt(5)+slotKeeper))
				checkIntegrity(t, a)
				checkEmpty(t, a, start)
				for _, x := range only(t, a).bytesForTest() {
					require.EqualValues(t, 0xa5, x)
				}
				if k > 1 && !died {
					t.Logf("%d instants, at most %d stores in a transaction", k-2, most)
					return
				}
			}
		})
	}
}

// The same by real processes and real kills.
func TestKillAtInstants(t *testing.T) {
	n := kills(t)
	rng := random(t)
	a := newSurvivor(t)
	start := usageOf(a)
	for range max(n/4, 10) {
		op, k := rng.IntN(len(operations)-1), rng.IntN(150)+1
		m := begun(t, a, op, k)
		state := m.wait()
		within(t, patience, "Reap after a kill in "+operations[op].name, a.Reap)
		checkIntegrity(t, a)
		checkEmpty(t, a, start)
		require.False(t, a.anyDead(), "%s at %d: %v", operations[op].name, k, state)
	}
}

func begun(t testing.TB, a *Arena, op, k int) *member {
	return start(t, a, killAtInstant, strconv.Itoa(op), strconv.Itoa(k), refText(only(t, a).Ref()))
}

var killAtInstant = scenario("be killed at an instant", func(c *insider) {
	op, err := strconv.Atoi(os.Args[1])
	c.must(err)
	k, err := strconv.Atoi(os.Args[2])
	c.must(err)
	t := &childT{c: c}
	survivor := &Arena{objects: map[uint32]*Object{0: {ref: parseRef(os.Args[3])}}}
	fn := operations[op].prepare(t, survivor, c.a)
	n := 0
	crash = func() {
		if n++; n == k {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			forever()
		}
	}
	fn()
	crash = nil
	Leave()
})

// childT lets a child use what tests use.
type childT struct {
	testing.TB
	c *insider
}

func (t *childT) Helper()  {}
func (t *childT) FailNow() { os.Exit(1) }
func (t *childT) Errorf(format string, args ...any) {
	t.c.say(format, args...)
}

// What a transaction has stored is visible in it, and nothing of it without a
// commit.
func TestTransactionThatFails(t *testing.T) {
	a := fresh(t)
	err := a.Transact(func(tx *Tx) error {
		tx.Store(offGeneration, 77)
		assert.EqualValues(t, 77, tx.Load(offGeneration))
		tx.Store64(slotAt(4000)+slotChunk, 1<<40)
		assert.EqualValues(t, 1<<40, tx.Load64(slotAt(4000)+slotChunk))
		assert.EqualValues(t, 78, tx.Add(offGeneration, 1))
		return ErrFull
	})
	require.ErrorIs(t, err, ErrFull)
	assert.Zero(t, a.load(offGeneration))
	assert.Zero(t, a.load64(slotAt(4000)+slotChunk))
	assert.PanicsWithValue(t, "mine", func() {
		_ = a.Transact(func(tx *Tx) error {
			tx.Store(offGeneration, 77)
			panic("mine")
		})
	})
	assert.Zero(t, a.load(offGeneration))
	err = a.Transact(func(tx *Tx) error {
		for i := range uint64(journalEntries + 1) {
			tx.Store(slotAt(3000)+4*i, 1)
		}
		return nil
	})
	require.ErrorIs(t, err, ErrDamaged)
	require.NoError(t, a.Transact(nothing))
	checkIntegrity(t, a)
}
