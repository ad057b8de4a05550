package shm

import "errors"

// ErrInUse is returned for a handle that cannot be closed, because this process
// has the lock or memory of it in use.
var ErrInUse = errors.New("in use by this process")

// A Departure is a process giving up a shared object.
type Departure struct {
	Cell    uint32
	At      uint64 // where the cell lies
	Owner   uint32 // the process, as it stands in locks
	Units   uint32 // of it that the process had
	Orderly bool   // it has closed its last handle or ended in good order; else it has died
}

// departures are what the users of the arena want done in the transaction that
// takes an object from a process.
var departures [64]func(t *Tx, d Departure)

// OnDeparture sets what is done when a process gives up an object of that kind, or
// dies. It is for the initialisation of packages; fn must not trust what it finds
// in the arena more than the Tx does.
func OnDeparture(kind Kind, fn func(t *Tx, d Departure)) { departures[kind] = fn }

// release takes the reference at an entry from a process. moved is the cell whose
// entry is there now. dying is an extent whose memory is to be given back now,
// which stands in the ledger instead.
func (t *Tx) release(slot uint32, entry uint64, orderly bool) (moved, dying uint32) {
	c := t.Load(entry)
	at := t.At(c)
	kind := t.Kind(c)
	if kind == kindDying {
		return 0, c
	}
	owner := ownerOf(slot, t.Load(slotAt(slot)+slotGeneration))
	if kind < Kind(len(departures)) && departures[kind] != nil {
		departures[kind](t, Departure{c, at, owner, t.Load(entry + 4), orderly})
	}
	if w := t.a.load(at + CellLock); w&waitersBit != 0 && (w&ownerMask == 0 || w&ownerMask == owner) {
		t.Wake(at + CellLock) // it had the lock, or the wake-up for it
	}
	if dying = t.unref(c); dying != 0 {
		t.Store(entry, dying)
		t.Store(entry+4, 0)
		return 0, dying
	}
	return t.removeEntry(slot, entry), 0
}

// unref takes a reference from a cell, and frees it with the last. What memory that
// leaves without a user is returned, as a dying extent.
func (t *Tx) unref(c uint32) (dying uint32) {
	at := t.At(c)
	refs := t.Load(at + CellRefs)
	if refs == 0 || t.Load(at+CellGeneration) == 0 {
		damaged("a reference to cell %d, which is free", c)
	}
	t.Store(at+CellRefs, refs-1)
	if refs > 1 {
		return 0
	}
	extent, link, memory := t.Load(at+CellExtent), t.Load(at+CellLink), t.Load64(at+CellMemory)
	t.FreeCell(c)
	if link != 0 && t.unref(link) != 0 {
		damaged("cell %d, which another one holds, has memory", link)
	}
	switch {
	case extent == 0:
		return 0
	case t.Kind(extent) == kindExtent:
		t.Store(t.At(extent)+CellKind, uint32(kindDying))
		return extent
	case t.giveBlock(extent, memory):
		t.retire(extent)
		return extent
	}
	return 0
}

// Drop gives up one handle. With the last one this process gives up the object,
// unless it holds the object's lock: ErrInUse.
func (o *Object) Drop() error {
	a := o.arena
	a.mu.Lock()
	if o.handles != 1 || a.left {
		o.handles = max(o.handles-1, 0)
		a.mu.Unlock()
		return nil
	}
	if o.OwnedHere() {
		a.mu.Unlock()
		return ErrInUse
	}
	var moved, dying uint32
	err := a.Transact(func(t *Tx) error {
		moved, dying = t.release(a.slot, o.entry, true)
		return nil
	})
	if err != nil {
		a.mu.Unlock()
		return err
	}
	o.handles = 0
	delete(a.objects, o.cell)
	if dying != 0 {
		body := &Object{arena: a, cell: dying, entry: o.entry}
		a.objects[dying] = body
		a.burying++
		a.mu.Unlock()
		return a.bury(body)
	}
	a.movedTo(moved, o.entry)
	a.mu.Unlock()
	return nil
}

// lastInUse says that there is one handle, and that this process has the lock.
func (o *Object) lastInUse() bool {
	o.arena.mu.Lock()
	defer o.arena.mu.Unlock()
	return o.handles == 1 && o.OwnedHere()
}

// movedTo notes where the reference to a cell stands now. The caller has mu.
func (a *Arena) movedTo(c uint32, entry uint64) {
	if o := a.objects[c]; o != nil {
		o.entry = entry
	}
}

// bury gives the memory of a dying extent of this process back. That takes long
// for large ones, so nothing is locked meanwhile.
func (a *Arena) bury(o *Object) error {
	err := a.punchExtent(o.cell)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.burying--
	a.buried.Broadcast()
	if err != nil {
		return err
	}
	var moved uint32
	err = a.Transact(func(t *Tx) error {
		moved = t.removeEntry(a.slot, o.entry)
		t.freeExtent(o.cell)
		return nil
	})
	if err == nil {
		delete(a.objects, o.cell)
		a.movedTo(moved, o.entry)
	}
	return err
}

func (a *Arena) punchExtent(e uint32) error {
	var off, size uint64
	if err := a.Transact(func(t *Tx) error {
		off, size = t.extentRange(e)
		return nil
	}); err != nil {
		return err
	}
	return a.punch(off, size)
}
