package shm

import "fmt"

// The heap is a row of extents, each a run of pages that is in use or free, up to
// the top, behind which nothing has ever been used, or is again. Each extent is
// described by a cell, which knows its neighbours, so that what is freed melts
// with what is free beside it. Free extents have no memory, only addresses.

// takeExtent takes pages from the heap: of the free extents the smallest that
// will do, else from the top.
func (t *Tx) takeExtent(pages uint32, kind Kind) (e uint32, err error) {
	best, size := uint32(0), ^uint32(0)
	seen := uint32(0)
	for f := t.Load(offFreeExtent); f != 0; f = t.Load(t.At(f) + extentNextFree) {
		if seen++; seen > t.Load(offCellsUsed) || uint64(seen) > t.a.maxCells() { // the count may be nonsense, too
			damaged("the free extents are more than the cells")
		}
		if n := t.Load(t.At(f) + extentPages); n >= pages && n < size {
			best, size = f, n
			if n == pages {
				break
			}
		}
	}
	if best == 0 {
		best, err = t.growHeap(pages)
	} else {
		t.unlistExtent(best)
		err = t.splitExtent(best, pages)
	}
	if err != nil {
		return 0, err
	}
	t.Store(t.At(best)+CellKind, uint32(kind))
	t.Add(offPagesUsed, int(pages))
	return best, nil
}

// growHeap makes an extent at the top.
func (t *Tx) growHeap(pages uint32) (e uint32, err error) {
	top := t.Load(offPagesTop)
	if uint64(top)+uint64(pages) > (t.a.size-t.a.heapStart())/pageSize {
		return 0, t.full(pageSize * uint64(pages))
	}
	if e, err = t.NewCell(kindExtent); err != nil {
		return 0, err
	}
	at, last := t.At(e), t.Load(offLastExtent)
	t.Store(at+extentStart, top)
	t.Store(at+extentPages, pages)
	t.Store(at+extentPrev, last)
	if last != 0 {
		t.Store(t.At(last)+extentNext, e)
	}
	t.Store(offLastExtent, e)
	t.Store(offPagesTop, top+pages)
	return e, nil
}

// full is the error for who wants more than there is in one piece.
func (t *Tx) full(want uint64) error {
	const mega = 1 << 20
	whole, used := t.a.size-t.a.heapStart(), pageSize*uint64(t.Load(offPagesUsed))
	return fmt.Errorf("%w: %d MiB more are wanted, and of %d MiB that it can have, %d are in use",
		ErrFull, want/mega+min(want%mega, 1), whole/mega, used/mega)
}

// splitExtent cuts what is more than pages off an extent, as a free one.
func (t *Tx) splitExtent(e, pages uint32) error {
	at := t.At(e)
	rest := t.Load(at+extentPages) - pages
	if rest == 0 {
		return nil
	}
	r, err := t.NewCell(kindFreeExtent)
	if err != nil {
		return err
	}
	t.Store(at+extentPages, pages)
	t.Store(t.At(r)+extentStart, t.Load(at+extentStart)+pages)
	t.Store(t.At(r)+extentPages, rest)
	t.follow(r, t.Load(at+extentNext))
	t.follow(e, r)
	t.listExtent(r)
	return nil
}

// follow makes next the extent behind e; 0: e is the last.
func (t *Tx) follow(e, next uint32) {
	t.Store(t.At(e)+extentNext, next)
	if next != 0 {
		t.Store(t.At(next)+extentPrev, e)
	} else {
		t.Store(offLastExtent, e)
	}
}

// freeExtent gives the addresses of an extent back, whose memory has been.
func (t *Tx) freeExtent(e uint32) {
	t.Add(offPagesUsed, -int(t.Load(t.At(e)+extentPages)))
	if next := t.Load(t.At(e) + extentNext); next != 0 && t.Kind(next) == kindFreeExtent {
		t.unlistExtent(next)
		t.mergeNext(e, next)
	}
	if prev := t.Load(t.At(e) + extentPrev); prev != 0 && t.Kind(prev) == kindFreeExtent {
		t.unlistExtent(prev)
		t.mergeNext(prev, e)
		e = prev
	}
	at := t.At(e)
	if t.Load(at+extentNext) != 0 {
		t.Store(at+CellKind, uint32(kindFreeExtent))
		t.listExtent(e)
		return
	}
	prev := t.Load(at + extentPrev)
	if prev != 0 {
		t.Store(t.At(prev)+extentNext, 0)
	}
	t.Store(offLastExtent, prev)
	t.Store(offPagesTop, t.Load(at+extentStart))
	t.FreeCell(e)
}

// mergeNext makes e swallow the extent behind it.
func (t *Tx) mergeNext(e, next uint32) {
	at, other := t.At(e), t.At(next)
	if t.Load(other+extentPrev) != e {
		damaged("extent %d is not behind %d", next, e)
	}
	t.Store(at+extentPages, t.Load(at+extentPages)+t.Load(other+extentPages))
	t.follow(e, t.Load(other+extentNext))
	t.FreeCell(next)
}

// list and unlist do the lists that have their links where free extents have them.
func (t *Tx) list(head uint64, c uint32) {
	first := t.Load(head)
	t.Store(t.At(c)+extentPrevFree, 0)
	t.Store(t.At(c)+extentNextFree, first)
	if first != 0 {
		t.Store(t.At(first)+extentPrevFree, c)
	}
	t.Store(head, c)
}

func (t *Tx) unlist(head uint64, c uint32) {
	prev, next := t.Load(t.At(c)+extentPrevFree), t.Load(t.At(c)+extentNextFree)
	if prev != 0 {
		t.Store(t.At(prev)+extentNextFree, next)
	} else {
		t.Store(head, next)
	}
	if next != 0 {
		t.Store(t.At(next)+extentPrevFree, prev)
	}
}

func (t *Tx) listExtent(e uint32)   { t.list(offFreeExtent, e) }
func (t *Tx) unlistExtent(e uint32) { t.unlist(offFreeExtent, e) }

// extentRange returns the bytes that an extent or a slab has.
func (t *Tx) extentRange(e uint32) (off, size uint64) {
	at := t.At(e)
	off, size = t.a.heapStart()+pageSize*uint64(t.Load(at+extentStart)), pageSize*uint64(t.Load(at+extentPages))
	t.a.pointer(off, size, pageSize)
	return off, size
}
