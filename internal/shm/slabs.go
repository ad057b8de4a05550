package shm

import "math/bits"

// Blocks of up to 16 KiB are cut out of slabs of 64 KiB, in sizes of powers of
// two. The slabs of a size that have room are in a list.

// classOf returns the size class of blocks that hold size bytes.
func classOf(size uint64) uint32 {
	if size <= smallest {
		return 0
	}
	return uint32(bits.Len64(size-1) - bits.Len64(smallest-1))
}

func slabsOf(class uint32) uint64 {
	if class >= classes {
		damaged("size class %d", class)
	}
	return offSlabs + 4*uint64(class)
}

// takeBlock takes a block. What is in it is of its last user.
func (t *Tx) takeBlock(class uint32) (slab uint32, off uint64, err error) {
	head := slabsOf(class)
	if slab = t.Load(head); slab == 0 {
		if slab, err = t.newSlab(class); err != nil {
			return 0, 0, err
		}
	}
	at := t.At(slab)
	start, size := t.extentRange(slab)
	block := uint64(smallest) << class
	blocks := uint32(size / block)
	free, fresh := t.Load(at+slabFree), t.Load(at+slabFresh)
	switch {
	case free > blocks || fresh > blocks:
		damaged("block %d, %d of a slab of %d", free, fresh, blocks)
	case free != 0:
		off = start + block*uint64(free-1)
		t.Store(at+slabFree, t.Load(off))
	default:
		off = start + block*uint64(fresh)
		t.Store(at+slabFresh, fresh+1)
	}
	if t.Add(at+slabUsed, 1) == blocks {
		t.unlist(head, slab)
	}
	return slab, off, nil
}

func (t *Tx) newSlab(class uint32) (slab uint32, err error) {
	slab, err = t.takeExtent(slabSize/pageSize, kindSlab)
	if err != nil {
		return 0, err
	}
	at := t.At(slab)
	t.Store(at+slabFree, 0)
	t.Store(at+slabFresh, 0)
	t.Store(at+slabUsed, 0)
	t.Store(at+slabClass, class)
	t.list(slabsOf(class), slab)
	start, size := t.extentRange(slab)
	return slab, t.a.reserve(start, size)
}

// giveBlock gives a block back, and says whether its slab has no other.
func (t *Tx) giveBlock(slab uint32, off uint64) (empty bool) {
	at := t.At(slab)
	if t.Kind(slab) != kindSlab {
		damaged("a block of cell %d, which is no slab", slab)
	}
	class := t.Load(at + slabClass)
	head := slabsOf(class)
	start, size := t.extentRange(slab)
	block := uint64(smallest) << class
	if off < start || off >= start+size {
		damaged("a block at %d of a slab at %d", off, start)
	}
	t.Store(off, t.Load(at+slabFree))
	t.Store(at+slabFree, uint32((off-start)/block)+1)
	used := t.Add(at+slabUsed, -1)
	if used == uint32(size/block)-1 {
		t.list(head, slab)
	}
	return used == 0
}

// retire takes an empty slab out of use: its memory is to be given back.
func (t *Tx) retire(slab uint32) {
	t.unlist(slabsOf(t.Load(t.At(slab)+slabClass)), slab)
	t.Store(t.At(slab)+CellKind, uint32(kindDying))
}
