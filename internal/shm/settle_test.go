//go:build linux

package shm

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A slot that is taken again right after its settling stays taken, wherever the
// one who settled is killed.
func TestSlotTakenWhileItsSettlerDies(t *testing.T) {
	a := fresh(t)
	for k := 1; ; k++ {
		victim := impostor(t, a, 5)
		newObject(t, victim, 100)
		victim.die()
		settler := impostor(t, a, 2)
		died := dieAt(k, settler.Reap)
		settler.die()
		var next *Arena
		if a.load(slotAt(5)+slotKeeper) == 0 {
			next = impostor(t, a, 5)
		}
		require.NoError(t, a.Transact(nothing))
		a.Reap()
		if next != nil {
			require.True(t, a.Alive(next.self), "at instant %d", k)
			newObject(t, next, 100)
			next.die()
			a.Reap()
		}
		require.False(t, a.anyDead())
		checkIntegrity(t, a)
		if !died {
			require.NotNil(t, next)
			break
		}
	}
}

// Many processes settle the same deaths at the same time, and each thing is given
// back once.
func TestManySettleTheSameDeaths(t *testing.T) {
	a := fresh(t)
	begin := usageOf(a)
	as := []*Arena{a, another(t, a.file), another(t, a.file), another(t, a.file)}
	rounds := 30
	if raceEnabled {
		rounds = 10
	}
	for range rounds {
		for slot := uint32(10); slot < 20; slot++ {
			victim := impostor(t, a, slot)
			for size := range uint64(30) {
				newObject(t, victim, size*3000)
			}
			victim.die()
		}
		var all sync.WaitGroup
		for _, one := range as {
			for range 2 {
				all.Go(func() {
					for one.anyDead() {
						one.Reap()
					}
				})
			}
		}
		within(t, patience, "Reap by many", all.Wait)
		checkIntegrity(t, a)
		checkEmpty(t, a, begin)
	}
}

// A process that is stopped while it settles holds up nobody who waits for a lock.
func TestStoppedSettler(t *testing.T) {
	a := fresh(t)
	o := newObject(t, a, 0)
	m := start(t, a, settler)
	m.expect("settling")
	m.signal(syscall.SIGSTOP)
	holds := held(t, a, o)
	other := start(t, a, waiters, refText(o.Ref()), "3")
	other.expect("ready")
	holds.kill()
	within(t, patience, "Reap while another one is at it", a.Reap)
	for range 3 {
		other.line()
	}
	other.expect("done")
	assert.True(t, a.anyDead(), "that is left to who is at it, or comes after it")
	m.kill()
	a.Reap()
	require.False(t, a.anyDead())
	checkIntegrity(t, a)
}

var settler = scenario("have the lock over settling", func(c *insider) {
	c.a.settleLock().acquire()
	c.say("settling")
	forever()
})

// A ledger of several pieces is settled.
func TestLongLedger(t *testing.T) {
	a := fresh(t)
	begin := usageOf(a)
	m := start(t, a, maker, strconv.Itoa(4*chunkEntries+7))
	m.expect("made")
	checkIntegrity(t, a)
	_, cells := a.Heap()
	assert.Greater(t, cells, 4*chunkEntries)
	m.kill()
	a.Reap()
	checkIntegrity(t, a)
	checkEmpty(t, a, begin)
	slot := m.slotIn(a)
	assert.Zero(t, slot)
}

// slotIn returns the slot that the child has in an arena, 0 if none.
func (m *member) slotIn(a *Arena) uint32 {
	for slot := uint32(1); slot < a.slots(); slot++ {
		if a.load(slotAt(slot)+slotKeeper) != 0 && a.load(slotAt(slot)+slotPID) == uint32(m.cmd.Process.Pid) {
			return slot
		}
	}
	return 0
}

var maker = scenario("make objects", func(c *insider) {
	n, err := strconv.Atoi(os.Args[1])
	c.must(err)
	for range n {
		_, err := c.a.New(Spec{Kind: FirstKind})
		c.must(err)
	}
	c.say("made")
	forever()
})

// Two processes open and close the same object at the same time: it is there, or
// gone, and in between nothing.
func TestOpenAgainstDrop(t *testing.T) {
	a, n := fresh(t), 2000
	begin := usageOf(a)
	as := []*Arena{another(t, a.file), another(t, a.file)}
	for i := range n {
		o := newObject(t, a, uint64(i%3)*9000)
		r := o.Ref()
		var all sync.WaitGroup
		for _, b := range as {
			all.Go(func() {
				for range 2 {
					if x, err := b.Open(r); err == nil {
						assert.Equal(t, r, x.Ref())
						assert.NoError(t, x.Drop())
					} else {
						assert.ErrorIs(t, err, ErrGone)
					}
				}
			})
		}
		all.Go(func() { assert.NoError(t, o.Drop()) })
		all.Wait()
	}
	checkIntegrity(t, a)
	checkEmpty(t, a, begin)
}

// Units go to their holder alone, and Holders finds all of them.
func TestUnitsAndHolders(t *testing.T) {
	a := fresh(t)
	as := []*Arena{a, another(t, a.file), another(t, a.file)}
	o := newObject(t, a, 0)
	for i, b := range as {
		for range 600 { // so that the entry moves, and is in an older piece
			newObject(t, b, 0)
		}
		x, err := b.Open(o.Ref())
		require.NoError(t, err)
		require.NoError(t, x.Units(func(tx *Tx, units uint64) error {
			tx.Add(units, i+1)
			return nil
		}))
	}
	holders := func() map[uint32]uint32 {
		found := make(map[uint32]uint32)
		require.NoError(t, a.Transact(func(tx *Tx) error {
			tx.Holders(o.cell, func(slot uint32, units uint64) bool {
				found[slot] = tx.Load(units)
				return true
			})
			return nil
		}))
		return found
	}
	want := map[uint32]uint32{as[0].slot: 1, as[1].slot: 2, as[2].slot: 3}
	assert.Equal(t, want, holders())
	for _, b := range as { // entries move into the gaps
		for c, x := range b.objects {
			if c != o.cell {
				require.NoError(t, x.Drop())
			}
		}
	}
	assert.Equal(t, want, holders())
	require.NoError(t, as[1].objects[o.cell].Drop())
	delete(want, as[1].slot)
	assert.Equal(t, want, holders(), fmt.Sprint(as[1].slot))
	checkIntegrity(t, a)
}
