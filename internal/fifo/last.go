package fifo

import (
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

func init() { shm.OnLast(KindQueue, Drain) }

// Drain takes one piece out of a queue that nobody has any more: an object that one
// of its records refers to, a blob or a segment. more is false when there is none.
func Drain(t *shm.Tx, c uint32) (dying uint32, more bool) { return drain(t, c, false) }

// drain is Drain. Where somebody may be about to put, the segment at the tail stays:
// that is where they write.
func drain(t *shm.Tx, c uint32, putters bool) (dying uint32, more bool) {
	control, _ := t.Piece(c, KindQueue)
	for _, place := range pieces(control) {
		if piece := t.Load(place); piece != 0 {
			t.Store(place, 0)
			return t.Unref(piece), true
		}
	}
	segment := t.Load(control + offHeadSegment)
	if segment == 0 {
		return 0, false
	}
	dying, more, taken := drainRecords(t, control, segment)
	if more {
		return dying, true
	}
	if putters && segment == t.Load(control+offTailSegment) {
		return 0, false
	}
	off, _ := t.Piece(segment, KindSegment)
	following := t.Load(off + segmentNext)
	t.Store(control+offHeadSegment, following)
	if following == 0 {
		t.Store(control+offTailSegment, 0) // who puts all the same finds no segment, not another queue's
	}
	t.Store64(control+offHead, position(taken, segmentStart))
	return t.Unref(segment), true
}

// pieces are the places of the control block that hold a spare.
func pieces(control uint64) (places [1 + spareBlobs]uint64) {
	places[0] = control + offSpare
	for i := range uint64(spareBlobs) {
		places[1+i] = control + offSpareBlobs + 4*i
	}
	return places
}

// drainRecords goes through what is left of the records in the first segment, up to
// one that refers to an object, and takes that from it.
func drainRecords(t *shm.Tx, control uint64, segment uint32) (dying uint32, more bool, taken uint32) {
	memory, _ := t.Piece(segment, KindSegment)
	head, tail := t.Load64(control+offHead), t.Load64(control+offTail)
	for items(head) != items(tail) {
		at := offset(head)
		if at+recordHeader > segmentSize {
			return 0, false, items(head) // overwritten: what it had is lost
		}
		word := t.Load(memory + at + recordCells)
		n, kind := uint64(word&0xffff), word>>16
		if kind == kindEnd {
			return 0, false, items(head)
		}
		behind := at + recordHeader
		if kind == kindInline {
			behind += round8(int(t.Load(memory + at + recordSize)))
		}
		end := behind + round8(int(4*n))
		if n > MaxCells+1 || end > segmentSize {
			return 0, false, items(head)
		}
		for i := range n {
			if c := t.Load(memory + behind + 4*i); c != 0 {
				if head != t.Load64(control+offHead) {
					t.Store64(control+offHead, head)
				}
				dying, more := t.DropRef(c)
				if !more {
					t.Store(memory+behind+4*i, 0)
				}
				return dying, true, 0
			}
		}
		head = position(items(head)+1, end)
	}
	return 0, false, items(head)
}

// dropAll takes out all that is in a queue. The caller has the lock of those who
// take, and nothing is put any more.
func (q *Queue) dropAll() error {
	for more := true; more; {
		err := q.arena.Discard(func(t *shm.Tx) (dying uint32, err error) {
			dying, more = q.dropOne(t)
			return dying, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// dropOne takes out a part of the first item, or what is left of it. more says that
// there was one.
func (q *Queue) dropOne(t *shm.Tx) (dying uint32, more bool) {
	head, tail := t.Load64(q.control+offHead), t.Load64(q.control+offTail)
	if items(head) == items(tail) {
		return 0, false
	}
	segment := t.Load(q.control + offHeadSegment)
	memory, _ := t.Piece(segment, KindSegment)
	r, err := q.at(offset(head))
	if err != nil {
		shm.Damaged("a queue: %v", err)
	}
	if r.kind == kindEnd {
		t.Store(q.control+offHeadSegment, t.Load(memory+segmentNext))
		t.Store64(q.control+offHead, position(items(head), segmentStart))
		return t.Unref(segment), true
	}
	behind := offset(head) + r.need - round8(4*len(r.cells))
	for i, c := range r.cells {
		if c == 0 {
			continue
		}
		dying, more := t.DropRef(c)
		if !more {
			t.Store(memory+behind+4*uint64(i), 0)
		}
		return dying, true
	}
	t.Store64(q.control+offHead, position(items(head)+1, offset(head)+r.need))
	if atomic.LoadUint32(q.state)&stateJoinable != 0 {
		done(t, q.control, 1)
	}
	return 0, true
}
