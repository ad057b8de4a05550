package shm

// The ledger of a process lists what it holds: an entry for each cell, with the
// units of it that the process has, whatever they are for that kind. It is a chain
// of chunks, of which only the last has room. Whoever notices that a process has
// died goes through its ledger from the end and gives everything back.

// addEntry enters a cell into the ledger of a slot, and returns where.
func (t *Tx) addEntry(slot, c uint32) (entry uint64, err error) {
	at := slotAt(slot)
	chunk, n := t.Load64(at+slotChunk), t.Load(at+slotCount)
	if chunk == 0 || n == chunkEntries {
		slab, off, err := t.takeBlock(classOf(chunkSize))
		if err != nil {
			return 0, err
		}
		t.Store64(off+chunkPrev, chunk)
		t.Store(off+chunkSlab, slab)
		t.Store64(at+slotChunk, off)
		chunk, n = off, 0
	}
	entry = entryAt(chunk, n)
	t.Store(entry, c)
	t.Store(entry+4, 0)
	t.Store(at+slotCount, n+1)
	return entry, nil
}

// removeEntry takes an entry out, and puts the last one in its place. moved is the
// cell of that, if it was another one, which stood at last.
func (t *Tx) removeEntry(slot uint32, entry uint64) (moved uint32) {
	at := slotAt(slot)
	chunk, n := t.Load64(at+slotChunk), t.Load(at+slotCount)
	if chunk == 0 || n == 0 || n > chunkEntries {
		damaged("a ledger of %d entries at %d", n, chunk)
	}
	if last := entryAt(chunk, n-1); last != entry {
		moved = t.Load(last)
		t.Store(entry, moved)
		t.Store(entry+4, t.Load(last+4))
	}
	if n--; n > 0 {
		t.Store(at+slotCount, n)
		return moved
	}
	prev, slab := t.Load64(chunk+chunkPrev), t.Load(chunk+chunkSlab)
	// An empty slab stays: the next process needs one.
	t.giveBlock(slab, chunk)
	t.Store64(at+slotChunk, prev)
	if prev != 0 {
		n = chunkEntries
	}
	t.Store(at+slotCount, n)
	return moved
}

// lastEntry returns the end of a slot's ledger; 0 if it is empty.
func (t *Tx) lastEntry(slot uint32) uint64 {
	at := slotAt(slot)
	chunk, n := t.Load64(at+slotChunk), t.Load(at+slotCount)
	if chunk == 0 {
		return 0
	}
	if n == 0 || n > chunkEntries {
		damaged("a ledger of %d entries", n)
	}
	return entryAt(chunk, n-1)
}

func entryAt(chunk uint64, n uint32) uint64 { return chunk + chunkStart + entrySize*uint64(n) }

// Holders calls fn for every process that has units of a cell, until it returns
// false; with the place of the number of units.
func (t *Tx) Holders(c uint32, fn func(slot uint32, units uint64) bool) {
	most := min(uint64(t.Load(offCellsUsed)), t.a.maxCells())/chunkEntries + 1
	for slot := range t.a.slots() {
		chunks := uint64(0)
		n := t.Load(slotAt(slot) + slotCount)
		for chunk := t.Load64(slotAt(slot) + slotChunk); chunk != 0; chunk = t.Load64(chunk + chunkPrev) {
			if chunks++; chunks > most {
				damaged("a ledger has more entries than there are cells")
			}
			for i := range min(n, chunkEntries) {
				if e := entryAt(chunk, i); t.Load(e) == c && !fn(slot, e+4) {
					return
				}
			}
			n = chunkEntries
		}
	}
}
