package shm

import (
	"errors"
	"fmt"
)

// ErrInUse is returned for a handle that cannot be closed, because this process
// has the lock or memory of it in use.
var ErrInUse = errors.New("in use by this process")

var (
	errLocked = fmt.Errorf("%w: unlock it first", ErrInUse)
	errPinned = fmt.Errorf("%w: call the function first that releases its memory", ErrInUse)
)

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

// drains take apart what has pieces of its own, before it goes.
var drains [64]func(t *Tx, c uint32) (dying uint32, more bool)

// OnLast sets what is done, one piece in a transaction until there is no more,
// before the last reference to an object of that kind is dropped. fn returns what
// Unref has returned for the piece.
func OnLast(kind Kind, fn func(t *Tx, c uint32) (dying uint32, more bool)) { drains[kind] = fn }

// A released reference leaves work for its releaser.
type released struct {
	moved uint32 // the cell whose entry is where the reference stood
	dying uint32 // an extent whose memory is to be given back; it stands there instead
	again bool   // that was a piece of the object, and there may be more; it stands at the end
}

// release takes the reference at an entry from a process.
func (t *Tx) release(slot uint32, entry uint64, orderly bool) (r released, err error) {
	c := t.Load(entry)
	at := t.At(c)
	kind := t.Kind(c)
	if kind == kindDying {
		return released{dying: c}, nil
	}
	if t.Load(at+CellRefs) == 1 && kind < Kind(len(drains)) && drains[kind] != nil {
		if dying, more := drains[kind](t, c); more {
			if dying != 0 {
				_, err = t.addEntry(slot, dying)
			}
			return released{dying: dying, again: true}, err
		}
	}
	owner := ownerOf(slot, t.Load(slotAt(slot)+slotGeneration))
	if kind < Kind(len(departures)) && departures[kind] != nil {
		departures[kind](t, Departure{c, at, owner, t.Load(entry + 4), orderly})
	}
	if w := t.a.load(at + CellLock); w&waitersBit != 0 && (w&ownerMask == 0 || w&ownerMask == owner) {
		t.Wake(at + CellLock) // it had the lock, or the wake-up for it
	}
	if dying := t.Unref(c); dying != 0 {
		t.Store(entry, dying)
		t.Store(entry+4, 0)
		return released{dying: dying}, nil
	}
	return released{moved: t.removeEntry(slot, entry)}, nil
}

// Ref adds a reference to a cell.
func (t *Tx) Ref(c uint32) { t.Add(t.At(c)+CellRefs, 1) }

// Unref takes a reference from a cell, and frees it with the last. What memory that
// leaves without a user is returned, as a dying extent.
func (t *Tx) Unref(c uint32) (dying uint32) {
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
	if link != 0 {
		dying = t.Unref(link)
	}
	switch {
	case extent == 0:
		return dying
	case dying != 0:
		damaged("cell %d and the one that it holds both have memory", c)
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
		return errLocked
	}
	bodies, err := a.dropLast(o)
	a.mu.Unlock()
	for _, body := range bodies {
		err = errors.Join(err, a.bury(body))
	}
	return err
}

// dropLast gives up an object, piece by piece, and returns the memory to be given
// back. The caller has mu.
func (a *Arena) dropLast(o *Object) (bodies []*Object, err error) {
	for {
		var r released
		var last uint64
		if err := a.Transact(func(t *Tx) (err error) {
			r, err = t.release(a.slot, o.entry, true)
			last = t.lastEntry(a.slot)
			return err
		}); err != nil {
			return bodies, err
		}
		if r.dying != 0 {
			entry := o.entry
			if r.again {
				entry = last
			}
			bodies = append(bodies, a.body(r.dying, entry))
		}
		if !r.again {
			o.handles = 0
			o.gone.Store(true)
			delete(a.objects, o.cell)
			a.movedTo(r.moved, o.entry)
			return bodies, nil
		}
	}
}

// body is a dying extent of this process. The caller has mu.
func (a *Arena) body(extent uint32, entry uint64) *Object {
	body := &Object{arena: a, cell: extent, entry: entry}
	a.objects[extent] = body
	a.burying++
	return body
}

// Discard runs fn in a transaction, and gives the memory back that the Unref in it
// has left without a user.
func (a *Arena) Discard(fn func(t *Tx) (dying uint32, err error)) error {
	var body *Object
	a.mu.Lock()
	var dying uint32
	var entry uint64
	err := a.Transact(func(t *Tx) (err error) {
		if dying, err = fn(t); err == nil && dying != 0 {
			entry, err = t.addEntry(a.slot, dying)
		}
		return err
	})
	if err == nil && dying != 0 {
		body = a.body(dying, entry)
	}
	a.mu.Unlock()
	if body == nil {
		return err
	}
	return a.bury(body)
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
