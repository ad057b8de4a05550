package shm

import (
	"fmt"
	"sync/atomic"
)

// ErrFull is returned when the arena has no room of some sort left. It matches
// ErrNoMemory.
var ErrFull = fmt.Errorf("%w: the shared memory is full", ErrNoMemory)

// Kind says what a cell is.
type Kind uint32

// cell returns where a cell lies.
func (a *Arena) cell(c uint32) uint64 {
	if uint64(c) >= a.maxCells() || c == 0 {
		damaged("cell %d of %d", c, a.maxCells())
	}
	return cellsStart + cellSize*uint64(c)
}

// maxCells: a sixteenth of the arena is for cells.
func (a *Arena) maxCells() uint64 { return (a.size/16 - cellsStart) / cellSize }

// heapStart returns where the pages of the heap start.
func (a *Arena) heapStart() uint64 { return a.size / 16 }

// At returns where a cell lies.
func (t *Tx) At(c uint32) uint64 { return t.a.cell(c) }

// NewCell takes a free cell. All of it is zero but for its generation, its kind,
// and one reference.
func (t *Tx) NewCell(kind Kind) (c uint32, err error) {
	c = t.Load(offFreeCells)
	if c != 0 {
		t.Store(offFreeCells, t.Load(t.a.cell(c)+cellNextFree))
	} else {
		c = max(t.Load(offCellsTop), 1)
		if err := t.roomForCells(c); err != nil {
			return 0, err
		}
		t.Store(offCellsTop, c+1)
	}
	at := t.a.cell(c)
	// All but the link of a free cell can be cleared at once: nobody else looks at it.
	for off := uint64(CellHash); off < cellSize; off += 4 {
		if off != CellLock {
			atomic.StoreUint32(t.a.word(at+off), 0)
		}
	}
	t.a.clearLock(t.a.word(at + CellLock))
	generation := t.Add(offGeneration, 1)
	if generation == 0 {
		generation = t.Add(offGeneration, 1)
	}
	t.Store(at+CellGeneration, generation)
	t.Store(at+CellKind, uint32(kind))
	t.Store(at+CellRefs, 1)
	t.Add(offCellsUsed, 1)
	return c, nil
}

// clearLock frees the lock of a new cell, unless somebody has it: one who has locked the
// object that was there before, through a handle that was closed meanwhile, is about to
// give it back. Were it free before that, he would give back somebody else's.
func (a *Arena) clearLock(word *uint32) {
	for {
		w := atomic.LoadUint32(word)
		if owner := w & ownerMask; owner != 0 && a.Alive(owner) || atomic.CompareAndSwapUint32(word, w, 0) {
			return
		}
	}
}

// roomForCells gives the cells from c on memory, if they have none.
func (t *Tx) roomForCells(c uint32) error {
	room := t.Load(offCellsRoom)
	if c < room {
		return nil
	}
	const more = cellGrowth / cellSize
	if uint64(room)+more > t.a.maxCells() {
		return fmt.Errorf("%w: there are %d objects and parts of objects, and there can be no more", ErrFull, t.Load(offCellsUsed))
	}
	if err := t.a.reserve(cellsStart+cellSize*uint64(room), cellGrowth); err != nil {
		return err
	}
	t.Store(offCellsRoom, room+more)
	return nil
}

// FreeCell gives a cell back.
func (t *Tx) FreeCell(c uint32) {
	at := t.a.cell(c)
	t.Store(at+CellGeneration, 0)
	t.Store(at+CellKind, 0)
	t.Store(at+cellNextFree, t.Load(offFreeCells))
	t.Store(offFreeCells, c)
	t.Add(offCellsUsed, -1)
}

// Kind returns the kind of a cell.
func (t *Tx) Kind(c uint32) Kind { return Kind(t.Load(t.a.cell(c) + CellKind)) }
