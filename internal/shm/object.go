package shm

import (
	"errors"
	"sync/atomic"
)

// An Object is what this process has of a shared object: one reference in the
// ledger, however many handles there are.
type Object struct {
	arena  *Arena
	cell   uint32
	ref    Ref
	self   uint32 // this process, as the owner of locks
	lock   *uint32
	memory uint64 // of the heap
	size   uint64

	gone atomic.Bool // the process has given it up: the cell may be another one's

	// Depth is how often the holder of a recursive lock has it. It is the holder's.
	Depth int

	// Guarded by the arena's mu:
	handles int    // what keeps the reference
	entry   uint64 // where the reference stands in the ledger
}

// A Ref names an object to other processes of the family. What they get may be
// older than the object, so everything in it is checked.
type Ref struct {
	Cell       uint32
	Generation uint32 // no other object of the arena has the same
	Kind       Kind
	Hash       uint32 // of the type of what is in it; 0 if that does not apply
}

// Errors of references.
var (
	ErrGone = errors.New("the shared object does not exist any more: all that held it have closed it or ended")
	ErrKind = errors.New("the shared object is of another kind or type")
	ErrLink = errors.New("the lock of an object with memory of its own cannot be another's; make one that is only a lock")
)

// A Spec says what to make.
type Spec struct {
	Kind Kind
	Hash uint32
	Size uint64  // bytes of memory from the heap, all zero; 0: none
	Link *Object // which the new object holds as long as it exists; nil: none
	// Init writes the body of the cell, which is zero.
	Init func(t *Tx, at uint64)

	end bool // the linked object may have memory
}

// New makes an object, with one handle.
func (a *Arena) New(s Spec) (*Object, error) {
	o := &Object{arena: a, self: a.self, ref: Ref{Kind: s.Kind, Hash: s.Hash}, size: s.Size, handles: 1}
	a.mu.Lock()
	err := ErrClosed
	if !a.left {
		err = a.Transact(func(t *Tx) error { return o.make(t, &s) })
	}
	if err == nil {
		a.objects[o.cell] = o
	}
	a.mu.Unlock()
	if err == nil && s.Size > 0 {
		err = a.furnish(o)
	}
	if err != nil {
		return nil, err
	}
	return o, nil
}

// make is the transaction of New.
func (o *Object) make(t *Tx, s *Spec) (err error) {
	if o.cell, err = t.NewCell(s.Kind); err != nil {
		return err
	}
	at := t.At(o.cell)
	o.lock = t.a.word(at + CellLock)
	o.ref.Cell, o.ref.Generation = o.cell, t.Load(at+CellGeneration)
	t.Store(at+CellHash, s.Hash)
	if s.Size > t.a.size {
		return t.full(s.Size)
	}
	if s.Link != nil && s.Link.size > 0 && !s.end {
		return ErrLink
	}
	if s.Link != nil {
		t.Store(at+CellLink, s.Link.cell)
		t.Add(t.At(s.Link.cell)+CellRefs, 1)
	}
	if s.Size > 0 {
		if o.memory, err = t.allocate(o.cell, s.Size); err != nil {
			return err
		}
	}
	if s.Init != nil {
		s.Init(t, at)
	}
	o.entry, err = t.addEntry(t.a.slot, o.cell)
	return err
}

// allocate takes addresses of the heap for a cell.
func (t *Tx) allocate(c uint32, size uint64) (off uint64, err error) {
	var extent uint32
	if size <= largest {
		extent, off, err = t.takeBlock(classOf(size))
	} else {
		extent, err = t.takeExtent(uint32((size+pageSize-1)/pageSize), kindExtent)
	}
	if err != nil {
		return 0, err
	}
	if size > largest {
		off, _ = t.extentRange(extent)
	}
	t.a.pointer(off, size, smallest)
	at := t.At(c)
	t.Store(at+CellExtent, extent)
	t.Store64(at+CellMemory, off)
	t.Store64(at+CellSize, size)
	return off, nil
}

// NewPiece makes a cell with memory for another object that has pieces: it has the
// one reference, which is in no ledger. What is in the memory is of its last user,
// if it is at most 16 KiB.
func (t *Tx) NewPiece(kind Kind, size uint64) (c uint32, off uint64, err error) {
	if c, err = t.NewCell(kind); err != nil {
		return 0, 0, err
	}
	if off, err = t.allocate(c, size); err == nil && size > largest {
		err = t.a.reserve(off, (size+pageSize-1)&^(pageSize-1))
	}
	return c, off, err
}

// furnish makes the memory of a new object, which nobody else knows yet, ready. If
// there is none, the object is given back.
func (a *Arena) furnish(o *Object) error {
	if o.size <= largest {
		clear(a.bytes(o.memory, o.size)) // its last user has left something
		return nil
	}
	err := a.reserve(o.memory, (o.size+pageSize-1)&^(pageSize-1))
	if err != nil {
		_ = o.Drop()
	}
	return err
}

// Open returns the object that another process has given a reference to, with one
// more handle.
func (a *Arena) Open(r Ref) (*Object, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left {
		return nil, ErrClosed
	}
	if o := a.objects[r.Cell]; o != nil && o.ref.Generation == r.Generation {
		if o.ref != r {
			return nil, ErrKind
		}
		o.handles++
		return o, nil
	}
	var o *Object
	err := a.Transact(func(t *Tx) (err error) {
		at := t.At(r.Cell)
		if t.Load(at+CellGeneration) != r.Generation || r.Generation == 0 || t.Load(at+CellRefs) == 0 {
			return ErrGone
		}
		if t.Kind(r.Cell) != r.Kind || t.Load(at+CellHash) != r.Hash || r.Kind < FirstKind {
			return ErrKind
		}
		t.Add(at+CellRefs, 1)
		o, err = a.enter(t, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	o.handles = 1
	a.objects[r.Cell] = o
	return o, nil
}

// Open opens an object of the arena of this process's family: see Arena.Open.
func Open(r Ref) (*Object, error) {
	a, err := Default()
	if err != nil {
		return nil, err
	}
	return a.Open(r)
}

// enter makes this process's side of an object to which a reference has been taken,
// and enters that into the ledger.
func (a *Arena) enter(t *Tx, r Ref) (o *Object, err error) {
	at := t.At(r.Cell)
	o = &Object{arena: a, self: a.self, cell: r.Cell, ref: r, lock: a.word(at + CellLock)}
	if t.Load(at+CellExtent) != 0 {
		o.memory, o.size = t.Load64(at+CellMemory), t.Load64(at+CellSize)
		a.pointer(o.memory, o.size, smallest)
	}
	o.entry, err = t.addEntry(a.slot, r.Cell)
	return o, err
}

// Gone says that this process has given the object up. It does not while it has the
// object's lock.
func (o *Object) Gone() bool { return o.gone.Load() }

// Share adds a handle.
//
// Precondition: the caller has one.
func (o *Object) Share() {
	o.arena.mu.Lock()
	o.handles++
	o.arena.mu.Unlock()
}

// Ref returns what names the object to other processes.
func (o *Object) Ref() Ref { return o.ref }

// Arena returns where the object is.
func (o *Object) Arena() *Arena { return o.arena }

// At returns where the object's cell lies.
func (o *Object) At() uint64 { return o.arena.cell(o.cell) }

// Index returns the number of the object's cell.
func (o *Object) Index() uint32 { return o.cell }

// Units calls fn with the place of this process's units of the object.
func (o *Object) Units(fn func(t *Tx, units uint64) error) error {
	o.arena.mu.Lock()
	defer o.arena.mu.Unlock()
	if o.handles == 0 {
		return ErrClosed
	}
	return o.arena.Transact(func(t *Tx) error { return fn(t, o.entry+4) })
}

// HasLink says whether the object holds another one.
func (o *Object) HasLink() bool { return *o.Word(CellLink) != 0 }

// Linked returns the object that this one holds, with one more handle.
func (o *Object) Linked() (*Object, error) {
	var r Ref
	err := o.arena.Transact(func(t *Tx) error {
		link := t.Load(o.At() + CellLink)
		if link == 0 {
			return ErrGone
		}
		r = t.RefOf(link)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o.arena.Open(r)
}

// Heap returns how much memory the arena has in use: bytes of the heap, and cells.
func (a *Arena) Heap() (bytes uint64, cells int) {
	return pageSize * uint64(a.load(offPagesUsed)), int(a.load(offCellsUsed))
}
