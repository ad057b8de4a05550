package fifo

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// An Item is what was taken. The zero value is ready for Take, and it can be used
// again after Drop. What it refers to this process holds until then.
type Item struct {
	Size int

	small []byte        // the payload of a small one: a copy
	blob  *shm.Object   // of a large one
	held  []*shm.Object // what it refers to
	q     *Queue
}

// Take takes the next item, as one who waits for it. After Take come Payload or
// Private, and Drop.
func (q *Queue) Take(ctx context.Context, item *Item) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	for looks := spins; ; {
		if err := q.tryTake(ctx, item); err != ErrEmpty {
			return err
		}
		if looks, err = q.await(ctx, q.takers, q.isEmpty, looks); err != nil {
			q.PassOn() // the wake-up that it may have had is another's
			return err
		}
	}
}

// TryTake is Take without waiting, but ErrEmpty.
func (q *Queue) TryTake(item *Item) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	return q.tryTake(context.Background(), item)
}

func (q *Queue) tryTake(ctx context.Context, item *Item) error {
	if q.empty() {
		return ErrEmpty
	}
	err := q.takeLocked(ctx, item)
	if err == nil {
		if q.capacity > 0 {
			q.putters.ring()
		}
		if q.takers.armed() && !q.empty() {
			q.takers.ring() // another one may sleep, and there is something for it
		}
	}
	return err
}

func (q *Queue) takeLocked(ctx context.Context, item *Item) error {
	if err := q.lock(ctx, q.taking); err != nil {
		return err
	}
	defer q.taking.ReleaseOwn()
	return q.take(item)
}

// take takes the item at the head. The caller has the lock of those who take.
func (q *Queue) take(item *Item) error {
	state := atomic.LoadUint32(q.state) // before the positions: what was put before the end counts
	if state&stateDropped != 0 {
		return errors.Join(ErrShut, q.dropAll()) // who shut it down may have died over it
	}
	head := atomic.LoadUint64(q.head)
	if !q.hasItem(head) {
		if state&(stateShut|statePutters) != 0 {
			return ErrShut
		}
		return ErrEmpty
	}
	r, err := q.at(offset(head))
	if err == nil && r.kind == kindEnd {
		if err = q.leaveSegment(); err == nil {
			head = atomic.LoadUint64(q.head)
			r, err = q.at(offset(head))
		}
	}
	if err != nil {
		return err
	}
	next := position(items(head)+1, offset(head)+r.need)
	item.Size, item.q = r.size, q
	if r.kind == kindInline {
		item.small = append(item.small[:0], r.payload...)
	}
	joinable := state&stateJoinable != 0
	if len(r.cells) == 0 && !joinable {
		atomic.StoreUint64(q.head, next)
		return nil
	}
	return q.takeReferring(item, r, next, joinable)
}

// takeReferring takes an item that refers to shared objects, or one whose takers
// answer for it.
func (q *Queue) takeReferring(item *Item, r found, next uint64, joinable bool) (err error) {
	objects, err := q.arena.OpenCells(r.cells)
	if err != nil {
		return err
	}
	if r.kind == kindLarge && objects[0].Ref().Kind != KindBlob {
		for _, o := range objects {
			_ = o.Drop()
		}
		return shm.ErrDamaged
	}
	release := func(t *shm.Tx) {
		for _, c := range r.cells {
			t.Unref(c) // never the last one: this process has another
		}
		if r.kind == kindLarge {
			under := q.control + offUnderWay
			t.Store64(under, t.Load64(under)-min(uint64(r.size), t.Load64(under)))
		}
		t.Store64(q.control+offHead, next)
	}
	if joinable {
		err = q.h.Object().Units(func(t *shm.Tx, units uint64) error {
			t.Add(units, 1)
			release(t)
			return nil
		})
	} else {
		err = q.arena.Transact(func(t *shm.Tx) error { release(t); return nil })
	}
	if err != nil {
		for _, o := range objects {
			_ = o.Drop()
		}
		return err
	}
	if r.kind == kindLarge {
		item.blob, objects = objects[0], objects[1:]
	}
	item.held = objects
	return nil
}

// found is a record in a segment.
type found struct {
	kind    uint16
	size    int
	payload []byte
	cells   []uint32
	need    uint64
}

// at reads the record at an offset of the segment at the head. Nothing in it is
// trusted.
func (q *Queue) at(off uint64) (r found, err error) {
	segment, size := q.arena.Piece(*q.arena.U32(q.control + offHeadSegment), KindSegment)
	if size != segmentSize || off < segmentStart || off&7 != 0 || off+recordHeader > segmentSize {
		return r, shm.ErrDamaged
	}
	mem := q.arena.Bytes(segment+off, segmentSize-off)
	r.size = int(binary.NativeEndian.Uint32(mem[recordSize:]))
	r.kind = binary.NativeEndian.Uint16(mem[recordKind:])
	n := int(binary.NativeEndian.Uint16(mem[recordCells:]))
	inside := 0
	switch {
	case r.kind == kindInline && r.size <= inline:
		inside = r.size
	case r.kind == kindLarge && n > 0, r.kind == kindEnd && n == 0:
	default:
		return r, shm.ErrDamaged
	}
	behind := recordHeader + round8(inside)
	r.need = behind + round8(4*n)
	if n > MaxCells+1 || r.need > uint64(len(mem)) {
		return r, shm.ErrDamaged
	}
	r.payload = mem[recordHeader : recordHeader+inside]
	for i := range n {
		r.cells = append(r.cells, binary.NativeEndian.Uint32(mem[behind+4*uint64(i):]))
	}
	return r, nil
}

// leaveSegment moves the head into the next segment, and keeps or frees the one
// that is left.
func (q *Queue) leaveSegment() error {
	return q.arena.Discard(func(t *shm.Tx) (dying uint32, err error) {
		old := t.Load(q.control + offHeadSegment)
		off, size := q.arena.Piece(old, KindSegment)
		next := t.Load(off + segmentNext)
		if size != segmentSize || next == 0 {
			return 0, shm.ErrDamaged
		}
		t.Store(q.control+offHeadSegment, next)
		t.Store64(q.control+offHead, position(items(t.Load64(q.control+offHead)), segmentStart))
		if t.Load(q.control+offSpare) == 0 {
			t.Store(q.control+offSpare, old)
			return 0, nil
		}
		return t.Unref(old), nil
	})
}

// Payload returns the payload, which is good until Drop: what Take has copied, or the
// shared memory of a large one, into which a broken process might write.
func (i *Item) Payload() (payload []byte, err error) {
	defer shm.Catch(&err)
	if i.blob == nil {
		return i.small, nil
	}
	off, size := i.q.arena.Piece(i.blob.Index(), KindBlob)
	if uint64(i.Size) > size {
		return nil, shm.ErrDamaged
	}
	return i.q.arena.Bytes(off, uint64(i.Size)), nil
}

// Private is Payload, but a copy for certain.
func (i *Item) Private() ([]byte, error) {
	payload, err := i.Payload()
	if err == nil && i.blob != nil {
		i.small = append(i.small[:0], payload...)
		payload = i.small
	}
	return payload, err
}

// Drop gives up what the item has, but for memory to use again.
func (i *Item) Drop() {
	if cap(i.small) > keepable {
		i.small = nil
	}
	for _, o := range i.held {
		_ = o.Drop()
	}
	if i.blob != nil && !i.q.keepBlob(i.blob) {
		_ = i.blob.Drop()
	}
	i.held, i.blob = nil, nil
}

// keepBlob leaves a blob to the next large item.
func (q *Queue) keepBlob(o *shm.Object) (kept bool) {
	var damage error
	defer shm.Catch(&damage)
	if q.h.Enter() != nil {
		return false // closed since Take, and the queue may have gone
	}
	defer q.h.Exit()
	_, size := q.arena.Piece(o.Index(), KindBlob)
	if size > keepable {
		return false
	}
	err := o.Yield(func(t *shm.Tx) bool {
		free, total := uint64(0), size
		for i := range uint64(spareBlobs) {
			place := q.control + offSpareBlobs + 4*i
			if c := t.Load(place); c != 0 {
				_, spare := t.Piece(c, KindBlob)
				total += spare
			} else if free == 0 {
				free = place
			}
		}
		if kept = free != 0 && total <= spareBytes; kept {
			t.Store(free, o.Index())
		}
		return kept
	})
	return kept && err == nil
}
