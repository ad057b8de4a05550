package shm

import "github.com/multiproc/mp/internal/sys"

// What the packages that build objects out of several cells need: access to memory
// that they find through shared memory itself, and locks of other cells.

// Catch turns the panic of an access that only an overwritten arena leads to into
// an error. It is to be deferred.
func Catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case damage:
		*err = damageError(r)
	default:
		panic(r)
	}
}

// Damaged panics for Catch: what was found makes no sense.
func Damaged(format string, args ...any) { damaged(format, args...) }

// Piece returns the memory of a cell of that kind.
func (a *Arena) Piece(c uint32, kind Kind) (off, size uint64) {
	at := a.cell(c)
	if Kind(a.load(at+CellKind)) != kind || a.load(at+CellExtent) == 0 {
		damaged("cell %d is not of kind %d, with memory", c, kind)
	}
	off, size = a.load64(at+CellMemory), a.load64(at+CellSize)
	a.pointer(off, size, smallest)
	return off, size
}

// Piece is that of the arena, for transactions that have not made the cell.
func (t *Tx) Piece(c uint32, kind Kind) (off, size uint64) { return t.a.Piece(c, kind) }

// maxDepth bounds how deep objects are in the pieces of others.
const maxDepth = 100

// DropRef takes a reference from a cell. If it is the last one to an object that
// has pieces, one of those goes instead: more says that, and that the reference is
// still there.
func (t *Tx) DropRef(c uint32) (dying uint32, more bool) {
	if kind := t.Kind(c); t.Load(t.At(c)+CellRefs) == 1 && kind < Kind(len(drains)) && drains[kind] != nil {
		if t.depth++; t.depth <= maxDepth { // what is deeper stays as long as the family
			dying, more = drains[kind](t, c)
		}
		if t.depth--; more {
			return dying, true
		}
	}
	return t.Unref(c), false
}

// Link returns the cell that a cell holds.
func (a *Arena) Link(c uint32) uint32 { return a.load(a.cell(c) + CellLink) }

// NewEnd makes an object that holds another one, which may have memory: it has none.
func (a *Arena) NewEnd(kind Kind, link *Object) (*Object, error) {
	return a.New(Spec{Kind: kind, Link: link, end: true})
}

// Bytes returns size bytes of the arena.
func (a *Arena) Bytes(off, size uint64) []byte { return a.bytes(off, size) }

// U32 returns a word of the arena, U64 a double one.
func (a *Arena) U32(off uint64) *uint32 { return a.word(off) }

// U64 is U32 for 64 bits.
func (a *Arena) U64(off uint64) *uint64 { return a.wide(off) }

// LockOf returns the lock in a cell, which must stay as long as it is used.
func (a *Arena) LockOf(c uint32) LockWord {
	at := a.cell(c)
	return LockWord{a: a, word: a.word(at + CellLock), flags: a.word(at + CellFlags)}
}

// Settle finishes what a process has begun that died with one of the arena's or an
// object's locks: call it with a lock that was taken over, before what it protects
// is looked at.
func (a *Arena) Settle() error { return a.Transact(func(*Tx) error { return nil }) }

// RefOf returns the reference to a cell that somebody holds.
func (t *Tx) RefOf(c uint32) Ref {
	at := t.At(c)
	return Ref{c, t.Load(at + CellGeneration), t.Kind(c), t.Load(at + CellHash)}
}

// Adopt makes this process the holder of a reference that another object has had:
// fn takes it from there, and returns the cell, or 0.
func (a *Arena) Adopt(fn func(t *Tx) uint32) (*Object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left {
		return nil, ErrClosed
	}
	var o *Object
	err := a.Transact(func(t *Tx) (err error) {
		c := fn(t)
		if c == 0 {
			o = nil
			return nil
		}
		if o = a.objects[c]; o != nil {
			t.Unref(c) // it has one already
			return nil
		}
		o, err = a.enter(t, t.RefOf(c))
		return err
	})
	if err != nil || o == nil {
		return nil, err
	}
	o.handles++
	a.objects[o.cell] = o
	return o, nil
}

// Yield gives this process's reference to another object: fn puts it there, and
// returns whether it has. Only the last handle can be yielded; otherwise fn is not
// called.
func (o *Object) Yield(fn func(t *Tx) bool) error {
	a := o.arena
	a.mu.Lock()
	defer a.mu.Unlock()
	if o.handles != 1 || a.left {
		return nil
	}
	var moved uint32
	given := false
	err := a.Transact(func(t *Tx) error {
		if given = fn(t); given {
			moved = t.removeEntry(a.slot, o.entry)
		}
		return nil
	})
	if err == nil && given {
		o.handles = 0
		delete(a.objects, o.cell)
		a.movedTo(moved, o.entry)
	}
	return err
}

// OpenCells opens objects that a message refers to, which keeps them.
func (a *Arena) OpenCells(cells []uint32) (objects []*Object, err error) {
	for _, c := range cells {
		var r Ref
		if err = a.Transact(func(t *Tx) error { r = t.RefOf(c); return nil }); err == nil {
			var o *Object
			if o, err = a.Open(r); err == nil {
				objects = append(objects, o)
			}
		}
		if err != nil {
			for _, o := range objects {
				_ = o.Drop()
			}
			return nil, err
		}
	}
	return objects, nil
}

// WakeOne wakes one of those who wait on word, and says whether there was one.
func WakeOne(word *uint32) bool { return sys.FutexWake(word, 1) > 0 }

// Pause is for loops that wait for another CPU.
func Pause() { pause() }

// YieldCPU is Pause, but what is waited for may need this very CPU.
func YieldCPU() { sys.YieldCPU() }
