package fifo

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// A Message is what is to be put: its payload is Head and then Tail. Cells are the
// shared objects that it refers to; the caller holds them.
type Message struct {
	Head, Tail []byte
	Cells      []uint32
}

// A record is a message that is ready to be put.
type record struct {
	head  []byte   // what goes into the record itself
	tail  []byte   // behind that
	cells []uint32 // that it refers to; of a large one first its blob
	kind  uint16
	size  int         // of the payload as the user knows it
	blob  *shm.Object // of which this process has the reference
}

// prepare makes a record ready, outside of the lock: a large payload is copied into
// memory of its own.
func (q *Queue) prepare(m *Message) (r record, err error) {
	size := len(m.Head) + len(m.Tail)
	if uint64(size) > math.MaxUint32 {
		return r, ErrSize
	}
	r = record{head: m.Head, tail: m.Tail, kind: kindInline, size: size}
	if len(m.Cells) > 0 {
		if r.cells, err = q.cellsOf(m.Cells); err != nil {
			return r, err
		}
	}
	if size <= inline {
		return r, nil
	}
	if r.blob, err = q.newBlob(size); err != nil {
		return r, err
	}
	off, _ := q.arena.Piece(r.blob.Index(), KindBlob)
	mem := q.arena.Bytes(off, uint64(size))
	copy(mem[copy(mem, m.Head):], m.Tail)
	r.head, r.tail, r.kind = nil, nil, kindLarge
	r.cells = append([]uint32{r.blob.Index()}, r.cells...)
	return r, nil
}

// cellsOf returns the cells that a message refers to, each at least once, if it may.
func (q *Queue) cellsOf(cells []uint32) ([]uint32, error) {
	if len(cells) > MaxCells { // it is enough to hold each once
		cells = slices.Compact(slices.Sorted(slices.Values(cells)))
	}
	if n := len(cells); n > MaxCells {
		return nil, fmt.Errorf("refers to %d shared objects, %w", n, ErrCells)
	}
	for _, c := range cells {
		if c == q.cell {
			return nil, ErrSelf
		}
		if q.arena.Link(c) != q.cell {
			continue
		}
		// It is an end of this pipe. Those who take would be kept by what only they can
		// take; the end that puts goes with the message, when they do.
		switch kind, err := q.kind(c); {
		case err != nil:
			return nil, err
		case kind == KindTaker:
			return nil, ErrOwnTaker
		}
	}
	return cells, nil
}

func (q *Queue) kind(c uint32) (kind shm.Kind, err error) {
	err = q.arena.Transact(func(t *shm.Tx) error { kind = t.Kind(c); return nil })
	return kind, err
}

// inside returns how much of the payload is in the record itself.
func (r *record) inside() int { return len(r.head) + len(r.tail) }

// drop gives up what the process itself has of a record; the queue has its own.
func (r *record) drop() {
	if r.blob != nil {
		_ = r.blob.Drop()
	}
}

// put writes a record and publishes it, or returns ErrFull. The caller has the lock
// of those who put.
func (q *Queue) put(r *record) error {
	switch state := atomic.LoadUint32(q.state); {
	case state&stateShut != 0:
		return ErrShut
	case state&stateTakers != 0:
		return ErrGone
	}
	need := recordHeader + round8(r.inside()) + round8(4*len(r.cells))
	tail := atomic.LoadUint64(q.tail)
	if !q.hasRoom(tail) {
		return ErrFull
	}
	at := offset(tail)
	if at+need+recordHeader > segmentSize { // the end's own record must fit behind
		if err := q.nextSegment(at); err != nil {
			return err
		}
		tail = atomic.LoadUint64(q.tail)
		at = offset(tail)
	}
	segment, size := q.arena.Piece(*q.arena.U32(q.control + offTailSegment), KindSegment)
	if size != segmentSize || at < segmentStart || at+need > segmentSize {
		return shm.ErrDamaged
	}
	mem := q.arena.Bytes(segment+at, need)
	binary.NativeEndian.PutUint32(mem[recordSize:], uint32(r.size))
	binary.NativeEndian.PutUint16(mem[recordCells:], uint16(len(r.cells)))
	binary.NativeEndian.PutUint16(mem[recordKind:], r.kind)
	copy(mem[recordHeader+copy(mem[recordHeader:], r.head):], r.tail)
	behind := recordHeader + round8(r.inside())
	for i, c := range r.cells {
		binary.NativeEndian.PutUint32(mem[behind+4*uint64(i):], c)
	}
	next := position(items(tail)+1, at+need)
	if len(r.cells) == 0 {
		atomic.StoreUint64(q.tail, next)
		return nil
	}
	// The queue's references and the item come into being together.
	return q.arena.Transact(func(t *shm.Tx) error {
		if t.Load(q.control+offState)&stateTakers != 0 {
			return ErrGone // meanwhile, and what was in the queue has gone
		}
		for _, c := range r.cells {
			t.Ref(c)
		}
		if r.kind == kindLarge {
			under := q.control + offUnderWay
			t.Store64(under, t.Load64(under)+uint64(r.size))
		}
		t.Store64(q.control+offTail, next)
		return nil
	})
}

func round8(n int) uint64 { return uint64(n+7) &^ 7 }

// nextSegment ends the segment at the tail with a mark at at, and puts another
// behind it.
func (q *Queue) nextSegment(at uint64) error {
	return q.arena.Transact(func(t *shm.Tx) error {
		last := t.Load(q.control + offTailSegment)
		memory, size := q.arena.Piece(last, KindSegment)
		if size != segmentSize || at+recordHeader > segmentSize {
			return shm.ErrDamaged
		}
		segment := t.Load(q.control + offSpare)
		if segment != 0 {
			t.Store(q.control+offSpare, 0)
			off, _ := q.arena.Piece(segment, KindSegment)
			t.Store(off+segmentNext, 0)
		} else {
			var err error
			if segment, err = newSegment(t); err != nil {
				return err
			}
		}
		t.Store(memory+segmentNext, segment)
		t.Store(memory+at+recordSize, 0)
		t.Store(memory+at+recordCells, kindEnd<<16) // no cells
		t.Store(q.control+offTailSegment, segment)
		t.Store64(q.control+offTail, position(items(t.Load64(q.control+offTail)), segmentStart))
		return nil
	})
}

// newSegment makes a segment.
func newSegment(t *shm.Tx) (c uint32, err error) {
	c, off, err := t.NewPiece(KindSegment, segmentSize)
	if err == nil {
		t.Store(off+segmentNext, 0)
	}
	return c, err
}

// newBlob returns memory for a large payload: one that a former one has left, if it
// is not much larger, or new.
func (q *Queue) newBlob(size int) (*shm.Object, error) {
	if o, err := q.spareBlob(uint64(size)); o != nil || err != nil {
		return o, err
	}
	return q.arena.New(shm.Spec{Kind: KindBlob, Size: uint64(size)})
}

// spareBlob takes a spare blob out of the queue.
func (q *Queue) spareBlob(size uint64) (*shm.Object, error) {
	for i := range uint64(spareBlobs) {
		place := q.control + offSpareBlobs + 4*i
		if atomic.LoadUint32(q.arena.U32(place)) == 0 {
			continue
		}
		o, err := q.arena.Adopt(func(t *shm.Tx) uint32 {
			c := t.Load(place)
			t.Store(place, 0)
			return c
		})
		if o == nil || err != nil {
			return o, err
		}
		if _, room := q.arena.Piece(o.Index(), KindBlob); room >= size && room <= 4*size {
			return o, nil
		}
		_ = o.Drop() // it does not fit what comes now, and is in the way
	}
	return nil, nil
}
