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
	ErrCells = fmt.Errorf("more than the %d of one message: send them in several messages", MaxCells)
	ErrSize  = errors.New("is larger than 4 GiB")
	ErrSelf  = errors.New("a queue cannot be put into itself")
	// ErrOwnTaker is ErrSelf for a pipe.
	ErrOwnTaker = errors.New("the receiving end of a pipe cannot be sent through the pipe itself")
)

// A Queue is this process's view of a queue.
type Queue struct {
	h       *shm.Handle
	arena   *shm.Arena
	putting shm.LockWord
	taking  shm.LockWord
	cell    uint32
	control uint64 // where the control block lies

	tail, head *uint64
	// What is at the other side is looked at only when what was seen there last has been
	// used up: else its cache line would go to and fro with each item.
	seenTail, seenHead *uint32
	underWay           *uint64
	takers, putters    bell // for an item, for room
	state              *uint32
	capacity           uint32
	bytes              uint32
	isEmpty, isFull    func() bool // empty and full
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
	o, err := a.New(shm.Spec{Kind: c.Kind, Hash: c.Hash, Size: controlSize, Link: taking, Init: noPieces})
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

// noPieces is a part of the transaction that makes a queue: up to now its control block
// has what its last user has left there, and who settles for a process that is killed
// now would take that for the queue's pieces.
func noPieces(t *shm.Tx, at uint64) {
	control := t.Load64(at + shm.CellMemory)
	t.Store(control+offHeadSegment, 0)
	for _, place := range pieces(control) {
		t.Store(place, 0)
	}
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
	q := &Queue{
		h: h, arena: a, control: control, cell: c,
		putting:  a.LockOf(c),
		taking:   a.LockOf(a.Link(c)),
		tail:     a.U64(control + offTail),
		head:     a.U64(control + offHead),
		seenTail: a.U32(control + offSeenTail),
		seenHead: a.U32(control + offSeenHead),
		underWay: a.U64(control + offUnderWay),
		takers:   bell{a.U32(control + offTakers), a.U64(control + offTail)},
		putters:  bell{a.U32(control + offPutters), a.U64(control + offHead)},
		state:    a.U32(control + offState),
		capacity: *a.U32(control + offCapacity),
		bytes:    *a.U32(control + offBytes),
	}
	q.isEmpty, q.isFull = q.empty, q.full
	return q, nil
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

// Put puts a message, as one who waits for room. It is in the queue when Put returns
// nil, and not at all otherwise.
func (q *Queue) Put(ctx context.Context, m Message) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	r, err := q.prepare(&m)
	if err != nil {
		return err
	}
	defer r.drop()
	for looks := spins; ; {
		if err := q.tryPut(ctx, &r); err != ErrFull {
			return err
		}
		if looks, err = q.await(ctx, q.putters, q.isFull, looks); err != nil {
			if !q.full() {
				q.putters.ring() // the wake-up that it may have had is another's
			}
			return err
		}
	}
}

// TryPut is Put without waiting for room, but ErrFull.
func (q *Queue) TryPut(m Message) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	if q.full() {
		return ErrFull
	}
	r, err := q.prepare(&m)
	if err != nil {
		return err
	}
	defer r.drop()
	return q.tryPut(context.Background(), &r)
}

func (q *Queue) tryPut(ctx context.Context, r *record) error {
	err := q.putLocked(ctx, r)
	if err == nil {
		q.takers.ring()
		if q.capacity > 0 && q.putters.armed() && !q.full() {
			q.putters.ring() // another one may sleep, and there is room for it
		}
	}
	return err
}

func (q *Queue) putLocked(ctx context.Context, r *record) error {
	if err := q.lock(ctx, q.putting); err != nil {
		return err
	}
	defer q.putting.ReleaseOwn()
	return q.put(r)
}

// lock takes one of the queue's locks.
func (q *Queue) lock(ctx context.Context, l shm.LockWord) error {
	ok, repair := l.Try()
	if !ok {
		var err error
		if repair, err = l.Acquire(ctx, q.h.Closed); err != nil {
			return err
		}
	}
	if !repair {
		return nil
	}
	// What the dead holder had decided on comes first. Nothing else of it is to be
	// mended: an item is there when the position says so, and not before.
	l.Repaired()
	err := q.arena.Settle()
	if err != nil {
		l.ReleaseOwn()
	}
	return err
}

func (q *Queue) full() bool {
	if q.capacity == 0 || atomic.LoadUint32(q.state)&(stateShut|stateTakers) != 0 {
		return false
	}
	n := q.Len()
	return n >= int(q.capacity) || q.heavy() && n > 0
}

// heavy says whether there are as many bytes of large items as may be.
func (q *Queue) heavy() bool { return q.bytes > 0 && atomic.LoadUint64(q.underWay) >= uint64(q.bytes) }

// hasRoom is whether a queue with a bound is not full, for who has the lock of those
// who put: they see the head move later than it does, never before.
func (q *Queue) hasRoom(tail uint64) bool {
	if q.capacity == 0 || items(tail)-atomic.LoadUint32(q.seenHead) < q.capacity && !q.heavy() {
		return true
	}
	atomic.StoreUint32(q.seenHead, items(atomic.LoadUint64(q.head)))
	return !q.full()
}

// empty says whether there is nothing to take, and nothing else to tell.
func (q *Queue) empty() bool {
	head := items(atomic.LoadUint64(q.head))
	return !q.beyond(atomic.LoadUint32(q.seenTail), head) && items(atomic.LoadUint64(q.tail)) == head &&
		atomic.LoadUint32(q.state)&(stateShut|statePutters) == 0
}

// beyond says whether there were items behind head when the tail was seen.
func (*Queue) beyond(seen, head uint32) bool { return int32(seen-head) > 0 }

// hasItem is whether the queue has one, for who has the lock of those who take.
func (q *Queue) hasItem(head uint64) bool {
	if q.beyond(atomic.LoadUint32(q.seenTail), items(head)) {
		return true
	}
	tail := items(atomic.LoadUint64(q.tail))
	atomic.StoreUint32(q.seenTail, tail)
	return tail != items(head)
}

// One who waits looks so often before it sleeps: to be woken takes as long as several
// hundred looks, and costs the one who wakes a system call. After the first ones it
// lets others have the CPU now and then: the one it waits for may need this very one.
const (
	spins      = 800
	yieldAfter = 30
	yieldEvery = 10
)

// await sleeps until the bell is rung, while the condition holds. It first looks so
// often, and returns how often to look the next time: one whom nobody has woken has no
// reason to expect something soon.
func (q *Queue) await(ctx context.Context, b bell, condition func() bool, looks int) (next int, err error) {
	for i := range looks {
		if !condition() {
			return spins, ctx.Err()
		}
		if i >= yieldAfter && i%yieldEvery == 0 {
			shm.YieldCPU()
		} else {
			shm.Pause()
		}
	}
	armed := b.arm()
	if !condition() {
		return spins, ctx.Err()
	}
	woken, err := q.h.Wait(ctx, b.word, armed)
	b.arm()
	if woken {
		next = spins
	}
	return next, err
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
	locked := q.lock(ctx, q.putting) == nil
	atomic.OrUint32(q.state, bits)
	if locked {
		q.putting.ReleaseOwn()
	}
	if immediate {
		err = q.dropLocked(ctx)
	}
	q.wakeAll()
	return err
}

func (q *Queue) dropLocked(ctx context.Context) error {
	if err := q.lock(ctx, q.taking); err != nil {
		return err
	}
	defer q.taking.ReleaseOwn()
	return q.dropAll()
}

// lockPatience is how long Shutdown waits for others to be done with an item.
const lockPatience = time.Second

// Close closes the handle, and has those who wait through it return shm.ErrClosed.
// Closing again, or a nil queue, does nothing.
func (q *Queue) Close() error {
	if q == nil || q.h.Enter() != nil {
		return nil
	}
	defer q.h.Exit() // the memory is the queue's up to here
	err := q.h.Close()
	if err == nil {
		q.wakeAll()
	}
	return err
}

// wakeAll has all who wait look again.
func (q *Queue) wakeAll() {
	q.takers.ringAll()
	q.putters.ringAll()
	shm.WakeAll(q.arena.U32(q.control + offJoiners))
}

// Poll waits until there is something to take, or nothing will ever be.
func (q *Queue) Poll(ctx context.Context) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	defer q.PassOn()
	for looks := spins; q.empty(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		if looks, err = q.await(ctx, q.takers, q.isEmpty, looks); err != nil {
			return err
		}
	}
	return nil
}
