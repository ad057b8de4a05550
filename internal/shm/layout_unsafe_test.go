//go:build linux

package shm

import (
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp/internal/protocoltest"
	"github.com/multiproc/mp/internal/sys"
)

// A field is a part of something in the arena.
type field struct {
	name         string
	offset, size uint64
}

// parts are all that has a layout, as the code has it.
var parts = map[string]struct {
	size   uint64
	fields []field
}{
	"arena-head": {headSize, []field{
		{"magic", offMagic, 8}, {"size", offSize, 8}, {"version", offVersion, 4}, {"lock", offLock, 8}, {"settle", offSettle, 8},
		{"journal", offJournal, 4}, {"entries", offEntries, 16 * journalEntries}, {"generation", offGeneration, 4},
		{"slots top", offSlotsTop, 4}, {"cells top", offCellsTop, 4}, {"cells room", offCellsRoom, 4}, {"free cells", offFreeCells, 4},
		{"cells used", offCellsUsed, 4}, {"pages top", offPagesTop, 4}, {"pages used", offPagesUsed, 4},
		{"last extent", offLastExtent, 4}, {"free extent", offFreeExtent, 4}, {"slabs", offSlabs, 4 * classes}, {"root", offRoot, 4},
	}},
	"arena-slot": {slotSize, []field{
		{"keeper", slotKeeper, 4}, {"generation", slotGeneration, 4}, {"pid", slotPID, 4}, {"left", slotLeft, 4}, {"chunk", slotChunk, 8}, {"count", slotCount, 4},
	}},
	"arena-chunk": {chunkSize, []field{
		{"previous", chunkPrev, 8}, {"slab", chunkSlab, 4}, {"entries", chunkStart, entrySize * chunkEntries},
	}},
	"arena-cell": {cellSize, []field{
		{"generation", CellGeneration, 4}, {"kind", CellKind, 4}, {"refs", CellRefs, 4}, {"hash", CellHash, 4}, {"lock", CellLock, 4},
		{"flags", CellFlags, 4}, {"body", CellBody, CellMemory - CellBody}, {"memory", CellMemory, 8}, {"size", CellSize, 8},
		{"link", CellLink, 4}, {"extent", CellExtent, 4},
	}},
	"arena-extent": {cellSize, []field{
		{"start", extentStart, 4}, {"pages", extentPages, 4}, {"previous", extentPrev, 4}, {"next", extentNext, 4},
		{"previous listed", extentPrevFree, 4}, {"next listed", extentNextFree, 4}, {"free block", slabFree, 4},
		{"fresh block", slabFresh, 4}, {"used blocks", slabUsed, 4}, {"class", slabClass, 4},
	}},
}

// numbersOf are the fields of a part by one of their numbers.
func numbersOf(part string, number func(field) uint64) map[string]uint64 {
	numbers := make(map[string]uint64)
	for _, f := range parts[part].fields {
		numbers[f.name] = number(f)
	}
	return numbers
}

func TestFieldsAreAsDocumented(t *testing.T) {
	offset := func(f field) uint64 { return f.offset }
	size := func(f field) uint64 { return f.size }
	assert.Equal(t, protocoltest.Numbers(t, "arena-head", "word", "offset"), numbersOf("arena-head", offset))
	assert.Equal(t, protocoltest.Numbers(t, "arena-head", "word", "size"), numbersOf("arena-head", size))
	assert.Equal(t, protocoltest.Numbers(t, "arena-slot", "field", "offset"), numbersOf("arena-slot", offset))
	assert.Equal(t, protocoltest.Numbers(t, "arena-slot", "field", "size"), numbersOf("arena-slot", size))
	assert.Equal(t, protocoltest.Numbers(t, "arena-chunk", "field", "offset"), numbersOf("arena-chunk", offset))
	assert.Equal(t, protocoltest.Numbers(t, "arena-chunk", "field", "size"), numbersOf("arena-chunk", size))
	assert.Equal(t, protocoltest.Numbers(t, "arena-cell", "field", "offset"), numbersOf("arena-cell", offset))
	assert.Equal(t, protocoltest.Numbers(t, "arena-cell", "field", "size"), numbersOf("arena-cell", size))
	assert.Equal(t, protocoltest.Numbers(t, "arena-extent", "field", "offset"), numbersOf("arena-extent", offset))
	assert.Equal(t, protocoltest.Numbers(t, "arena-extent", "field", "size"), numbersOf("arena-extent", size))
}

func TestFieldsDoNotOverlap(t *testing.T) {
	for name, part := range parts {
		fields := slices.SortedFunc(slices.Values(part.fields), func(a, b field) int { return int(a.offset) - int(b.offset) })
		end := uint64(0)
		for _, f := range fields {
			assert.GreaterOrEqual(t, f.offset, end, "%s: %s", name, f.name)
			assert.Zero(t, f.offset%min(f.size&-f.size, 8), "%s: %s is at %d", name, f.name, f.offset)
			end = f.offset + f.size
		}
		assert.LessOrEqual(t, end, part.size, name)
	}
	for _, off := range []int{offMagic, offSize, offEntries, slotChunk, chunkPrev, CellMemory, CellSize, CellHolder, slotSize, cellSize, chunkSize, slotsStart, cellsStart} {
		assert.Zero(t, off%8, "64 bits at %d", off)
	}
	// A recursive lock's holder is in the body, and the lock is in no extent's.
	assert.GreaterOrEqual(t, CellHolder, CellBody)
	assert.LessOrEqual(t, CellHolder+8, CellMemory)
	assert.GreaterOrEqual(t, extentStart, CellBody)
	assert.NotContains(t, []int{CellLock, CellGeneration, CellKind}, cellNextFree)
}

func TestPartsAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{"head": 0, "slots": slotsStart, "cells": cellsStart}, protocoltest.Numbers(t, "arena-parts", "part", "starts at"))
	assert.Equal(t, map[string]uint64{"head": headSize, "slots": slotSize, "cells": cellSize}, protocoltest.Numbers(t, "arena-parts", "part", "size of one"))
	assert.Equal(t, map[string]uint64{"head": 1, "slots": maxSlots, "cells": 0}, protocoltest.Numbers(t, "arena-parts", "part", "how many"))
	assert.LessOrEqual(t, headSize, slotsStart)
	assert.LessOrEqual(t, slotsStart+slotSize*maxSlots, cellsStart)
	for _, size := range []uint64{leastSize, 1 << 30, preferredSize, 1 << 43} {
		a := &Arena{size: size}
		assert.LessOrEqual(t, a.cell(uint32(min(a.maxCells(), 1<<32)-1))+cellSize, a.heapStart())
		assert.Zero(t, a.heapStart()%slabSize)
		assert.LessOrEqual(t, (size-a.heapStart())/pageSize, uint64(1<<32-1), "pages are counted in 32 bits")
	}
	assert.Equal(t, map[string]uint64{
		"page": pageSize, "smallest block": smallest, "largest block": largest, "classes": classes, "slab": slabSize,
		"growth of cells": cellGrowth, "chunk": chunkSize, "least arena": leastSize, "preferred arena": preferredSize,
	}, protocoltest.Numbers(t, "arena-sizes", "what", "value"))
	assert.Equal(t, map[string]uint64{
		"extent": uint64(kindExtent), "free extent": uint64(kindFreeExtent), "slab": uint64(kindSlab),
		"dying extent": uint64(kindDying), "first of the users'": uint64(FirstKind),
	}, protocoltest.Numbers(t, "arena-kinds", "kind", "value"))
	assert.EqualValues(t, smallest<<(classes-1), largest)
	assert.Greater(t, int(kindTold), int(FirstKind))
	assert.Less(t, int(kindTold), len(departures))
}

func TestClassesOfBlocks(t *testing.T) {
	for size := uint64(1); size <= largest; size++ {
		class := classOf(size)
		if block := uint64(smallest) << class; class >= classes || size > block || class > 0 && size <= block/2 {
			t.Fatalf("%d bytes are of class %d", size, class)
		}
	}
	assert.LessOrEqual(t, chunkSize, largest)
}

func TestLockWordIsAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{"slot": 0, "generation": slotBits, "waiters": 31}, protocoltest.Numbers(t, "lock-word", "field", "lowest bit"))
	assert.Equal(t, map[string]uint64{"slot": slotBits, "generation": generationBits, "waiters": 1}, protocoltest.Numbers(t, "lock-word", "field", "bits"))
	assert.EqualValues(t, 1<<31, uint64(waitersBit))
	assert.EqualValues(t, 0x7fffffff, uint64(ownerMask))
	assert.EqualValues(t, 0x7ffff001, ownerOf(1, 1<<32-1))
	assert.EqualValues(t, 4095, ownerOf(4095, 1<<19))
	assert.EqualValues(t, 1<<30, sys.FutexOwnerDied)
}

// The golden bytes of a small arena.
func TestArenaGoldenBytes(t *testing.T) {
	a := fresh(t)
	assert.Equal(t, "mparena1", string(a.bytes(0, 8)))
	o := newObject(t, a, 100)
	ok, _ := o.LockWord().Try()
	assert.True(t, ok)
	words := func(off uint64, n int) string {
		return fmt.Sprint(unsafe.Slice(a.word(off), n))
	}
	at := o.At()
	assert.EqualValues(t, cellsStart+cellSize, at, "the first cell")
	// 128-byte block of slab 2, the second extent is the ledger's slab.
	heap := uint32(a.heapStart())
	assert.Equal(t, fmt.Sprint([]uint32{1, 16, 1, 0, 1, 0, 0, 0, 0, 0, heap, 0, 100, 0, 0, 2}), words(at, 16))
	assert.Equal(t, fmt.Sprint([]uint32{2, 3, 1, 0, 0, 0, 0, 16, 0, 3, 0, 0, 0, 1, 1, 1}), words(at+cellSize, 16))
	assert.Equal(t, fmt.Sprint([]uint32{3, 3, 1, 0, 0, 0, 16, 16, 2, 0, 0, 0, 0, 1, 1, 6}), words(at+2*cellSize, 16))
	assert.Equal(t, fmt.Sprint([]uint32{0, 0, 3, 0, 1, 0}), words(uint64(heap)+slabSize, 6), "the ledger")
	o.LockWord().ReleaseOwn()
}
