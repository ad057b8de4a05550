package shm

// Where everything lies in the arena. docs/protocol.md has the same tables, and a
// test compares them. All numbers are in the byte order of the machine, and a
// fresh arena is all zeros but for the first three words of its head.

// The head.
const (
	offMagic   = 0   // u64
	offSize    = 8   // u64, of the whole arena, in bytes
	offVersion = 16  // u32
	offLock    = 64  // the lock over all that follows: word and flags, u32 each
	offSettle  = 72  // the lock over the settling of the dead, likewise
	offJournal = 128 // u32: how many of the journal's entries are to be carried out
	offEntries = 192 // of the journal: u64 where, u64 what

	offGeneration = 2048 // u32: of the last cell that was handed out
	offSlotsTop   = 2052 // u32: no slot from here on has ever been in use
	offCellsTop   = 2056 // u32: no cell from here on has ever been in use
	offCellsRoom  = 2060 // u32: cells up to here have memory
	offFreeCells  = 2064 // u32: the first of the free cells
	offCellsUsed  = 2068 // u32: how many cells are in use
	offPagesTop   = 2072 // u32: no page of the heap from here on is in use
	offPagesUsed  = 2076 // u32: pages of the heap that are in use
	offLastExtent = 2080 // u32: the extent that ends at the top
	offFreeExtent = 2084 // u32: the first of the free extents
	offSlabs      = 2112 // u32 for each size class: the first slab with room
	offRoot       = 2148 // u32: the root object, which the arena itself holds; 0: there is none

	headSize = 4096
)

const (
	magic          = 0x31616e657261706d // "mparena1"
	version        = 1
	journalEntries = 112
)

// A slot stands for a process.
const (
	slotsStart = 64 << 10
	slotSize   = 64
	maxSlots   = 1 << slotBits // the first is nobody's

	slotKeeper     = 0  // u32: the number of the keeper's thread; 0: the slot is free
	slotGeneration = 4  // u32: one more for each process that the slot has stood for
	slotPID        = 8  // u32
	slotLeft       = 12 // u32: 1: it ends in good order
	slotChunk      = 16 // u64: the last chunk of the ledger
	slotCount      = 24 // u32: entries in it
)

// A chunk is a piece of the ledger of a process: what it holds references to.
const (
	chunkSize    = 4096
	chunkPrev    = 0 // u64
	chunkSlab    = 8 // u32: the slab that it is of
	chunkStart   = 16
	entrySize    = 8 // u32: the cell; u32: units of it that the process has
	chunkEntries = (chunkSize - chunkStart) / entrySize
)

// A cell is a shared object, or describes memory of the heap.
const (
	cellsStart = 1 << 20
	cellSize   = 64

	CellGeneration = 0  // u32; 0: the cell is free
	CellKind       = 4  // u32
	CellRefs       = 8  // u32: processes, and cells, that hold it
	CellHash       = 12 // u32: of the type of what is in it
	CellLock       = 16 // u32: a lock word, and in no kind of cell anything else
	CellFlags      = 20 // u32: of the lock
	CellBody       = 24 // what the kind makes of it; up to CellMemory if it has memory
	CellHolder     = 32 // u64, of kinds with recursive locks: the goroutine that has it
	CellMemory     = 40 // u64: where its memory lies
	CellSize       = 48 // u64: bytes of it; 0: it has none
	CellLink       = 56 // u32: a cell that this one holds
	CellExtent     = 60 // u32: the extent or slab of its memory

	cellNextFree = CellRefs // of a free cell
)

// An extent is a run of pages of the heap; a slab is one cut into blocks.
const (
	extentStart    = CellBody      // u32, in pages
	extentPages    = CellBody + 4  // u32
	extentPrev     = CellBody + 8  // u32: the extent in front of it
	extentNext     = CellBody + 12 // u32: the one behind it
	extentPrevFree = CellBody + 16 // u32: in the list of the free extents, or of the slabs with room
	extentNextFree = CellBody + 20 // u32
	slabFree       = CellBody + 24 // u32: the first free block, counted from 1
	slabFresh      = CellBody + 28 // u32: blocks from here on have never been used
	slabUsed       = CellBody + 32 // u32: blocks in use
	slabClass      = CellBody + 36 // u32: its blocks have 64 << class bytes
)

const (
	pageSize = 4096
	// smallest and largest are the bounds of the blocks of slabs.
	smallest   = 64
	largest    = 16 << 10
	classes    = 9         // 64 << 0 up to 64 << 8
	slabSize   = 64 << 10  // bytes
	cellGrowth = 256 << 10 // bytes of cells that get memory at a time
)

// The kinds that the arena knows itself; those of its users start at FirstKind.
const (
	kindExtent     Kind = 1 // in use, as a whole
	kindFreeExtent Kind = 2
	kindSlab       Kind = 3
	kindDying      Kind = 4 // nobody has it any more, its memory is being given back
	FirstKind      Kind = 16
)
