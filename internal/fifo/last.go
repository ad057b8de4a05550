package fifo

import "github.com/multiproc/mp/internal/shm"

func init() { shm.OnLast(KindQueue, Drain) }

// Drain takes one piece out of a queue that nobody has any more: an object that one
// of its records refers to, a blob or a segment. more is false when there is none.
func Drain(t *shm.Tx, c uint32) (dying uint32, more bool) {
	control := t.Load64(t.At(c) + shm.CellMemory)
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
	if dying, more := drainRecords(t, control, segment); more {
		return dying, true
	}
	off := t.Load64(t.At(segment) + shm.CellMemory)
	t.Store(control+offHeadSegment, t.Load(off+segmentNext))
	head := t.Load64(control + offHead)
	t.Store64(control+offHead, position(items(head), segmentStart))
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
func drainRecords(t *shm.Tx, control uint64, segment uint32) (dying uint32, more bool) {
	memory := t.Load64(t.At(segment) + shm.CellMemory)
	head, tail := t.Load64(control+offHead), t.Load64(control+offTail)
	for items(head) != items(tail) {
		at := offset(head)
		if at+recordHeader > segmentSize {
			return 0, false // overwritten: what it had is lost
		}
		word := t.Load(memory + at + recordCells)
		n, kind := uint64(word&0xffff), word>>16
		if kind == kindEnd {
			return 0, false
		}
		behind := at + recordHeader
		if kind == kindInline {
			behind += round8(int(t.Load(memory + at + recordSize)))
		}
		end := behind + round8(int(4*n))
		if n > MaxCells || end > segmentSize {
			return 0, false
		}
		for i := range n {
			if c := t.Load(memory + behind + 4*i); c != 0 {
				t.Store(memory+behind+4*i, 0)
				t.Store64(control+offHead, head)
				return t.Unref(c), true
			}
		}
		head = position(items(head)+1, end)
	}
	return 0, false
}
