//go:build linux

package shm

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/sys"
)

// usage is what of the arena is in use.
type usage struct{ pages, cells, top uint32 }

func usageOf(a *Arena) usage {
	return usage{a.load(offPagesUsed), a.load(offCellsUsed), a.load(offPagesTop)}
}

// memoryOf returns how many bytes of memory the arena's file has.
func memoryOf(t testing.TB, a *Arena) int64 {
	t.Helper()
	info, err := a.file.Stat()
	require.NoError(t, err)
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

// checkIntegrity walks through the whole arena and fails the test if anything in
// it contradicts anything else.
func checkIntegrity(t testing.TB, a *Arena) {
	t.Helper()
	within(t, patience, "the walk through the arena", func() {
		w := &walk{a: a}
		if err := a.Transact(func(tx *Tx) error {
			w.t = tx
			w.arena()
			return nil
		}); err != nil {
			w.bad("%v", err)
		}
		if len(w.faults) > 0 {
			t.Errorf("the arena is damaged: %q", w.faults[:min(len(w.faults), 20)])
		}
	})
	if t.Failed() {
		t.FailNow()
	}
}

// A walk goes through the arena, which is locked.
type walk struct {
	a      *Arena
	t      *Tx
	faults []string

	free    map[uint32]bool     // cells in the list of the free ones
	extents map[uint32]bool     // in the row
	listed  map[uint32]uint64   // extents and slabs in a list, and its head
	refs    map[uint32]uint32   // of cells, counted
	owners  map[uint32][]uint64 // of extents and slabs: the blocks of them in use
}

func (w *walk) bad(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

func (w *walk) is(ok bool, format string, args ...any) {
	if !ok {
		w.bad(format, args...)
	}
}

func (w *walk) arena() {
	w.free, w.extents, w.listed = make(map[uint32]bool), make(map[uint32]bool), make(map[uint32]uint64)
	w.refs, w.owners = make(map[uint32]uint32), make(map[uint32][]uint64)
	w.is(w.t.Load(offJournal) == 0, "the journal has %d entries", w.t.Load(offJournal))
	w.freeCells()
	w.row()
	w.list(offFreeExtent, kindFreeExtent)
	for class := range uint32(classes) {
		w.list(slabsOf(class), kindSlab)
	}
	w.ledgers()
	w.cells()
	for e := range w.extents {
		w.extent(e)
	}
}

func (w *walk) freeCells() {
	for c := w.t.Load(offFreeCells); c != 0 && !w.free[c]; c = w.t.Load(w.t.At(c) + cellNextFree) {
		w.free[c] = true
		w.is(w.t.Kind(c) == 0 && w.t.Load(w.t.At(c)+CellGeneration) == 0, "free cell %d is of kind %d", c, w.t.Kind(c))
	}
	top := max(w.t.Load(offCellsTop), 1)
	w.is(top <= w.t.Load(offCellsRoom) || top == 1, "cells up to %d have no memory", top)
	w.is(w.t.Load(offCellsUsed)+uint32(len(w.free)) == top-1, "%d used and %d free cells of %d", w.t.Load(offCellsUsed), len(w.free), top-1)
}

// row goes through the row of extents, from the top.
func (w *walk) row() {
	end, behind, used := w.t.Load(offPagesTop), uint32(0), uint32(0)
	for e := w.t.Load(offLastExtent); e != 0; e = w.t.Load(w.t.At(e) + extentPrev) {
		at, kind := w.t.At(e), w.t.Kind(e)
		if w.extents[e] {
			w.bad("the row of extents comes back to %d", e)
			return
		}
		w.extents[e] = true
		w.is(kind >= kindExtent && kind <= kindDying, "extent %d is of kind %d", e, kind)
		w.is(w.t.Load(at+extentNext) == behind, "extent %d has %d behind it, not %d", e, w.t.Load(at+extentNext), behind)
		pages := w.t.Load(at + extentPages)
		w.is(pages > 0 && w.t.Load(at+extentStart)+pages == end, "extent %d ends at %d, not %d", e, w.t.Load(at+extentStart)+pages, end)
		if kind == kindFreeExtent {
			w.is(behind != 0 && w.t.Kind(behind) != kindFreeExtent, "free extent %d has not melted with what is behind it", e)
		} else {
			used += pages
		}
		end, behind = w.t.Load(at+extentStart), e
	}
	w.is(end == 0, "the row of extents begins at %d", end)
	w.is(used == w.t.Load(offPagesUsed), "%d pages are in use, not %d", used, w.t.Load(offPagesUsed))
}

// list goes through a list of free extents or of slabs.
func (w *walk) list(head uint64, kind Kind) {
	before := uint32(0)
	for c := w.t.Load(head); c != 0; c = w.t.Load(w.t.At(c) + extentNextFree) {
		if w.listed[c] != 0 {
			w.bad("%d is twice in lists", c)
			return
		}
		w.listed[c] = head
		w.is(w.extents[c] && w.t.Kind(c) == kind, "%d of kind %d is in a list of kind %d", c, w.t.Kind(c), kind)
		w.is(w.t.Load(w.t.At(c)+extentPrevFree) == before, "%d has %d in front of it in its list", c, w.t.Load(w.t.At(c)+extentPrevFree))
		before = c
	}
}

// ledgers goes through the ledgers of all slots.
func (w *walk) ledgers() {
	for slot := range min(w.t.Load(offSlotsTop), maxSlots) {
		at, seen := slotAt(slot), make(map[uint32]bool)
		n, chunk := w.t.Load(at+slotCount), w.t.Load64(at+slotChunk)
		w.is((n == 0) == (chunk == 0) && n <= chunkEntries, "slot %d has %d entries at %d", slot, n, chunk)
		w.is(w.t.Load(at+slotKeeper)&^sys.FutexOwnerDied < 1<<30, "slot %d has keeper %x", slot, w.t.Load(at+slotKeeper))
		w.is(w.t.Load(at+slotKeeper) != 0 || n == 0, "slot %d is free and has %d entries", slot, n)
		for ; chunk != 0; chunk, n = w.t.Load64(chunk+chunkPrev), chunkEntries {
			slab := w.t.Load(chunk + chunkSlab)
			w.owners[slab] = append(w.owners[slab], chunk)
			for i := range n {
				c := w.t.Load(entryAt(chunk, i))
				w.is(!seen[c], "cell %d is twice in the ledger of slot %d", c, slot)
				seen[c] = true
				w.refs[c]++
			}
		}
	}
}

// cells looks at all cells in use.
func (w *walk) cells() {
	if root := w.t.Load(offRoot); root != 0 {
		w.refs[root]++
	}
	for c := uint32(1); c < w.t.Load(offCellsTop); c++ {
		at, kind := w.t.At(c), w.t.Kind(c)
		if w.free[c] || kind < FirstKind {
			w.is(w.free[c] || w.extents[c], "cell %d of kind %d is lost", c, kind)
			continue
		}
		w.is(w.t.Load(at+CellGeneration) != 0, "cell %d has no generation", c)
		if link := w.t.Load(at + CellLink); link != 0 {
			w.refs[link]++
		}
		if e := w.t.Load(at + CellExtent); e != 0 {
			w.owners[e] = append(w.owners[e], w.t.Load64(at+CellMemory))
		}
	}
	for c := uint32(1); c < w.t.Load(offCellsTop); c++ {
		switch kind := w.t.Kind(c); {
		case kind == kindDying:
			w.is(w.refs[c] == 1, "dying extent %d is in %d ledgers", c, w.refs[c])
		case kind < FirstKind:
			w.is(w.refs[c] == 0, "cell %d of kind %d is in %d ledgers", c, kind, w.refs[c])
		default:
			refs := w.t.Load(w.t.At(c) + CellRefs)
			w.is(refs == w.refs[c], "cell %d has %d references, not %d", c, w.refs[c], refs)
		}
	}
}

// extent looks at who has what of an extent or a slab.
func (w *walk) extent(e uint32) {
	start, size := w.t.extentRange(e)
	owners := w.owners[e]
	switch w.t.Kind(e) {
	case kindExtent:
		w.is(len(owners) == 1 && owners[0] == start, "extent %d at %d has owners at %d", e, start, owners)
	case kindFreeExtent:
		w.is(len(owners) == 0, "free extent %d has owners at %d", e, owners)
		w.is(w.listed[e] == offFreeExtent, "free extent %d is in no list", e)
	case kindDying:
		w.is(len(owners) == 0, "dying extent %d has owners at %d", e, owners)
		w.is(w.listed[e] == 0, "dying extent %d is in a list", e)
	case kindSlab:
		w.slab(e, start, size, owners)
	}
}

func (w *walk) slab(e uint32, start, size uint64, owners []uint64) {
	at := w.t.At(e)
	class := w.t.Load(at + slabClass)
	block := uint64(smallest) << class
	taken := make(map[uint64]bool)
	take := func(off uint64, what string) bool {
		ok := off >= start && off < start+size && (off-start)%block == 0 && !taken[off]
		w.is(ok, "slab %d of class %d at %d has a %s block at %d", e, class, start, what, off)
		taken[off] = true
		return ok
	}
	for _, off := range owners {
		take(off, "used")
	}
	for b := w.t.Load(at + slabFree); b != 0; b = w.t.Load(start + block*uint64(b-1)) {
		if !take(start+block*uint64(b-1), "free") {
			break
		}
	}
	used, fresh, blocks := w.t.Load(at+slabUsed), w.t.Load(at+slabFresh), uint32(size/block)
	w.is(int(used) == len(owners), "slab %d has %d blocks in use, not %d", e, len(owners), used)
	w.is(len(taken) == int(fresh), "slab %d has %d blocks, not %d", e, len(taken), fresh)
	w.is((w.listed[e] != 0) == (used < blocks), "slab %d with %d of %d blocks in use is in list %d", e, used, blocks, w.listed[e])
	w.is(w.listed[e] == 0 || w.listed[e] == slabsOf(class), "slab %d is in the list of another class", e)
}
