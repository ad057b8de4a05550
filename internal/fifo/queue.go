package fifo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/multiproc/mp/internal/shm"
)

// Errors of queues.
var (
	ErrShut  = errors.New("has been shut down")
	ErrGone  = errors.New("nobody can take from it any more")
	ErrFull  = errors.New("is full")
	ErrEmpty = errors.New("is empty")
	ErrCells = fmt.Errorf("refers to more than %d shared objects", MaxCells)
	ErrSize  = errors.New("is larger than 4 GiB")
	ErrSelf  = errors.New("a queue cannot be put into itself")
)

// A Queue is this process's view of a queue.
type Queue struct {
	h       *shm.Handle
	arena   *shm.Arena
	putting shm.LockWord
	taking  shm.LockWord
	cell    uint32
	control uint64 // where the control block lies

	tail, head      *uint64
	underWay        *uint64
	takers, putters *uint32
	state           *uint32
	capacity        uint32
	bytes           uint32
}

// Config says what a queue is like.
type Config struct {
	Kind     shm.Kind // of the object; KindQueue unless it is a part of something larger
	Hash     uint32
	Capacity int  // items; 0: no bound
	Bytes    int  // of large items under way that make it full; 0: no bound
	Joinable bool // the takers tell when they are done with an item
}

// New makes a queue.
func New(a *shm.Arena, c Config) (*shm.Object, error) {
	taking, err := a.New(shm.Spec{Kind: KindTaking})
	if err != nil {
		return nil, err
	}
	defer taking.Drop() // the queue holds it
	o, err := a.New(shm.Spec{Kind: c.Kind, Hash: c.Hash, Size: controlSize, Link: taking})
	if err != nil {
		return nil, err
	}
	err = a.Transact(func(t *shm.Tx) error {
		control := t.Load64(o.At() + shm.CellMemory)
		segment, err := newSegment(t)
		if err != nil {
			return err
		}
		t.Store(control+offTailSegment, segment)
		t.Store(control+offHeadSegment, segment)
		t.Store64(control+offTail, segmentStart)
		t.Store64(control+offHead, segmentStart)
		t.Store(control+offCapacity, uint32(c.Capacity))
		t.Store(control+offBytes, uint32(c.Bytes))
		if c.Joinable {
			t.Store(control+offState, stateJoinable)
		}
		return nil
	})
	if err != nil {
		_ = o.Drop()
		return nil, err
	}
	return o, nil
}

// Open returns the view of the queue o through a handle, which is to be bound to it.
func Open(h *shm.Handle, o *shm.Object) (q *Queue, err error) {
	defer shm.Catch(&err)
	return open(h, o.Arena(), o.Index())
}

func open(h *shm.Handle, a *shm.Arena, c uint32) (*Queue, error) {
	control, size := a.Piece(c, KindQueue)
	if size < controlSize {
		return nil, shm.ErrDamaged
	}
	return &Queue{
		h: h, arena: a, control: control, cell: c,
		putting:  a.LockOf(c),
		taking:   a.LockOf(a.Link(c)),
		tail:     a.U64(control + offTail),
		head:     a.U64(control + offHead),
		underWay: a.U64(control + offUnderWay),
		takers:   a.U32(control + offTakers),
		putters:  a.U32(control + offPutters),
		state:    a.U32(control + offState),
		capacity: *a.U32(control + offCapacity),
		bytes:    *a.U32(control + offBytes),
	}, nil
}

func items(position uint64) uint32            { return uint32(position >> 32) }
func offset(position uint64) uint64           { return position & (1<<32 - 1) }
func position(items uint32, at uint64) uint64 { return uint64(items)<<32 | at }

// Len returns how many items are in the queue, at this moment.
func (q *Queue) Len() int {
	for {
		head, tail := atomic.LoadUint64(q.head), atomic.LoadUint64(q.tail)
		if atomic.LoadUint64(q.head) == head {
			return int(items(tail) - items(head))
		}
	}
}

// Cap returns the capacity in items; 0: there is no bound.
func (q *Queue) Cap() int { return int(q.capacity) }

// Put puts a record, as one who waits for room. The payload is in the queue when it
// returns nil, and not at all otherwise. cells are the shared objects that the payload
// refers to; the caller holds them.
func (q *Queue) Put(ctx context.Context, payload []byte, cells []uint32) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	r, err := q.prepare(payload, cells)
	if err != nil {
		return err
	}
	defer r.drop()
	for {
		var seen uint64
		if q.capacity > 0 { // the takers' cache line is left alone otherwise
			seen = atomic.LoadUint64(q.head)
		}
		if err := q.tryPut(ctx, &r); !errors.Is(err, ErrFull) {
			return err
		}
		if err := q.await(ctx, q.putters, seen, q.full); err != nil {
			return err
		}
	}
}

// TryPut is Put without waiting for room, but ErrFull.
func (q *Queue) TryPut(payload []byte, cells []uint32) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	if q.full() {
		return ErrFull
	}
	r, err := q.prepare(payload, cells)
	if err != nil {
		return err
	}
	defer r.drop()
	return q.tryPut(context.Background(), &r)
}

func (q *Queue) tryPut(ctx context.Context, r *record) error {
	err := q.with(ctx, q.putting, func() error { return q.put(r) })
	if err == nil {
		q.notify(q.takers)
		if q.capacity > 0 && !q.full() {
			q.notify(q.putters) // another one may sleep, and there is room for it
		}
	}
	return err
}

// with runs fn with one of the queue's locks.
func (q *Queue) with(ctx context.Context, l shm.LockWord, fn func() error) error {
	ok, repair := l.Try()
	if !ok {
		var err error
		if repair, err = l.Acquire(ctx, q.h.Closed); err != nil {
			return err
		}
	}
	defer l.ReleaseOwn()
	if repair {
		// What the dead holder had decided on comes first. Nothing else of it is to be
		// mended: an item is there when the position says so, and not before.
		l.Repaired()
		if err := q.arena.Settle(); err != nil {
			return err
		}
	}
	return fn()
}

func (q *Queue) full() bool {
	if q.capacity == 0 || atomic.LoadUint32(q.state)&(stateShut|stateTakers) != 0 {
		return false
	}
	tail, head := atomic.LoadUint64(q.tail), atomic.LoadUint64(q.head)
	return items(tail)-items(head) >= q.capacity ||
		q.bytes > 0 && atomic.LoadUint64(q.underWay) >= uint64(q.bytes) && items(tail) != items(head)
}

func (q *Queue) empty() bool {
	return items(atomic.LoadUint64(q.tail)) == items(atomic.LoadUint64(q.head)) &&
		atomic.LoadUint32(q.state)&(stateShut|statePutters) == 0
}

// notify wakes one of those who wait for a position to change. The flag is down
// before, so that one who comes in between raises it again; it is up afterwards if
// there may be more.
func (q *Queue) notify(flag *uint32) {
	if atomic.LoadUint32(flag) != 0 && atomic.CompareAndSwapUint32(flag, 1, 0) && shm.WakeOne(flagWord(q, flag)) {
		atomic.StoreUint32(flag, 1)
	}
}

// flagWord returns the word that those who raise the flag sleep on: the number of
// items of the position they wait for.
func flagWord(q *Queue, flag *uint32) *uint32 {
	if flag == q.takers {
		return q.arena.U32(q.control + offTail + 4)
	}
	return q.arena.U32(q.control + offHead + 4)
}

// spins is how often one who waits looks before it sleeps: to be woken takes as
// long as several hundred looks, and costs the one who wakes a system call.
const spins = 400

// await sleeps while the position is what was seen and the condition holds.
func (q *Queue) await(ctx context.Context, flag *uint32, seen uint64, condition func() bool) error {
	for range spins {
		if !condition() {
			return ctx.Err()
		}
		shm.Pause()
	}
	atomic.StoreUint32(flag, 1)
	if !condition() {
		return ctx.Err()
	}
	return q.h.Wait(ctx, flagWord(q, flag), items(seen))
}

// Shutdown ends the queue: nothing is put any more, and what is left can be taken
// unless it is immediate.
func (q *Queue) Shutdown(immediate bool) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	bits := uint32(stateShut)
	if immediate {
		bits |= stateDropped
	}
	// With the lock, so that nobody puts an item after somebody has seen the end. A
	// holder that is stopped does not keep the queue open, though.
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	shut := func() error { atomic.OrUint32(q.state, bits); return nil }
	if err := q.with(ctx, q.putting, shut); err != nil {
		_ = shut()
	}
	if immediate {
		err = q.with(ctx, q.taking, q.dropAll)
	}
	q.WakeAll()
	return err
}

// lockPatience is how long Shutdown waits for others to be done with an item.
const lockPatience = time.Second

// WakeAll has all who wait look again: after Close of the handle, say.
func (q *Queue) WakeAll() {
	shm.WakeAll(flagWord(q, q.takers))
	shm.WakeAll(flagWord(q, q.putters))
	shm.WakeAll(q.arena.U32(q.control + offJoiners))
}

// Poll waits until there is something to take, or nothing will ever be.
func (q *Queue) Poll(ctx context.Context) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	for {
		seen := atomic.LoadUint64(q.tail)
		if !q.empty() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := q.await(ctx, q.takers, seen, q.empty); err != nil {
			return err
		}
	}
}
