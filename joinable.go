package mp

import (
	"context"

	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/shm"
)

// ErrNotTaken is returned by TaskDone when it is called more often than the process
// has taken items.
var ErrNotTaken = fifo.ErrNotTaken

// A LostItemsError is returned by Join when items were taken by processes that
// ended, or closed the queue, before they had said that they were done with them. N
// is how many, since the queue was made.
type LostItemsError = fifo.LostError

// A JoinableQueue is a Queue whose consumers say when they are done with an item,
// so that somebody can wait until all are.
type JoinableQueue[T any] struct{ Queue[T] }

// NewJoinableQueue makes a queue like NewQueue.
func NewJoinableQueue[T any](capacity int) (*JoinableQueue[T], error) {
	q := new(JoinableQueue[T])
	return made(q, q.make("NewJoinableQueue", q, fifo.Config{Capacity: capacity, Joinable: true}))
}

func (q *JoinableQueue[T]) shape() (shm.Kind, uint32) {
	return fifo.KindQueue, typeHash[T]("joinable queue")
}

func (q *JoinableQueue[T]) handle() *shm.Handle {
	if q == nil {
		return nil
	}
	return &q.h
}

func (q *JoinableQueue[T]) bind(o *shm.Object) error {
	if err := q.open(o); err != nil {
		return err
	}
	shm.Bind(q, &q.h, o)
	return nil
}

// TaskDone says that this process is done with an item that it has taken. It
// returns ErrNotTaken if it has said so of all already.
func (q *JoinableQueue[T]) TaskDone() error {
	if err := q.handle().Check(); err != nil {
		return misuse("JoinableQueue.TaskDone", err)
	}
	return misuse("JoinableQueue.TaskDone", q.q.Done())
}

// Join waits until all items that have been put are done with. It returns a
// *LostItemsError if some were lost with their consumers, and otherwise nil, the
// error of ctx, or ErrClosed if the handle has been closed.
func (q *JoinableQueue[T]) Join(ctx context.Context) error {
	if err := q.handle().Check(); err != nil {
		return misuse("JoinableQueue.Join", err)
	}
	already := ctx.Err()
	return waitOutcome("JoinableQueue.Join", already, q.q.Join(ctx))
}

// A SimpleQueue is a Queue without a bound and with little else.
type SimpleQueue[T any] struct{ q Queue[T] }

// NewSimpleQueue makes a queue like NewQueue with capacity 0.
func NewSimpleQueue[T any]() (*SimpleQueue[T], error) {
	q := new(SimpleQueue[T])
	return made(q, q.q.make("NewSimpleQueue", q, fifo.Config{}))
}

func (q *SimpleQueue[T]) shape() (shm.Kind, uint32) {
	return fifo.KindQueue, typeHash[T]("simple queue")
}

func (q *SimpleQueue[T]) handle() *shm.Handle {
	if q == nil {
		return nil
	}
	return &q.q.h
}

func (q *SimpleQueue[T]) bind(o *shm.Object) error {
	if err := q.q.open(o); err != nil {
		return err
	}
	shm.Bind(q, &q.q.h, o)
	return nil
}

// Put puts v at the end. It never waits for room. When it returns nil the item is in
// the queue; otherwise it is not.
func (q *SimpleQueue[T]) Put(v T) error { return q.inner().TryPut(v) }

// Get takes the first item, and waits for one as long as the queue is empty.
func (q *SimpleQueue[T]) Get(ctx context.Context) (T, error) { return q.inner().Get(ctx) }

// Empty says whether there is nothing in the queue at this moment.
func (q *SimpleQueue[T]) Empty() bool { return q.inner().Empty() }

// Close gives up this handle, and has those who wait through it return ErrClosed.
func (q *SimpleQueue[T]) Close() error { return q.inner().Close() }

func (q *SimpleQueue[T]) inner() *Queue[T] {
	if q == nil {
		return nil
	}
	return &q.q
}
