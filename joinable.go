package mp

import (
	"context"
	"iter"

	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/shm"
)

// ErrNotTaken is returned by TaskDone when it is called more often than the process
// has taken items.
var ErrNotTaken = fifo.ErrNotTaken

// A LostItemsError is returned by Join when items were taken by processes that
// ended, or closed or dropped the queue, before they had said that they were done with
// them. N is how many, since the queue was made.
type LostItemsError = fifo.LostError

// A JoinableQueue is a Queue whose consumers say when they are done with an item,
// so that somebody can wait until all are. Like a Queue it is made by its
// constructor, NewJoinableQueue: a nil or zero one is an error of all methods that
// have one to return, is empty, and is closed already.
type JoinableQueue[T any] struct{ q Queue[T] }

// NewJoinableQueue makes a queue like NewQueue, with the same errors.
func NewJoinableQueue[T any](capacity int) (*JoinableQueue[T], error) {
	q := new(JoinableQueue[T])
	return made(q, q.q.make("NewJoinableQueue", q, fifo.Config{Capacity: capacity, Joinable: true}))
}

func (q *JoinableQueue[T]) shape() (shm.Kind, uint32) {
	return fifo.KindQueue, typeHash[T]("joinable queue")
}

func (q *JoinableQueue[T]) handle() *shm.Handle { return q.inner().handle() }

func (q *JoinableQueue[T]) bind(o *shm.Object) error {
	if err := q.q.open(o); err != nil {
		return err
	}
	shm.Bind(q, &q.q.h, o)
	return nil
}

func (q *JoinableQueue[T]) inner() *Queue[T] {
	if q == nil {
		return nil
	}
	return &q.q
}

// Put puts v at the end, and waits for room as long as the queue is full: see
// Queue.Put.
func (q *JoinableQueue[T]) Put(ctx context.Context, v T) error {
	return renamed("JoinableQueue.Put", q.inner().Put(ctx, v))
}

// TryPut is Put without waiting: if there is no room it returns ErrFull.
func (q *JoinableQueue[T]) TryPut(v T) error {
	return renamed("JoinableQueue.TryPut", q.inner().TryPut(v))
}

// Get takes the first item, and waits for one as long as the queue is empty: see
// Queue.Get. Who has it says TaskDone when it is done with it, also of one that could
// not be decoded, or whose files could not be had: an error of that sort is none of ctx,
// and does not match ErrClosed.
func (q *JoinableQueue[T]) Get(ctx context.Context) (T, error) {
	v, err := q.inner().Get(ctx)
	return v, renamed("JoinableQueue.Get", err)
}

// GetInto is Get into *v, whose memory it uses: see Queue.GetInto.
func (q *JoinableQueue[T]) GetInto(ctx context.Context, v *T) error {
	return renamed("JoinableQueue.GetInto", q.inner().GetInto(ctx, v))
}

// TryGet is Get without waiting: if there is nothing it returns ErrEmpty.
func (q *JoinableQueue[T]) TryGet() (T, error) {
	v, err := q.inner().TryGet()
	return v, renamed("JoinableQueue.TryGet", err)
}

// All takes items until the queue has been shut down and is empty: see Queue.All. Each
// item wants its TaskDone, as after Get.
func (q *JoinableQueue[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return q.inner().all(ctx, "JoinableQueue.All")
}

// Len returns how many items are in the queue at this moment, not counting those that
// have been taken; 0 if the handle is closed.
func (q *JoinableQueue[T]) Len() int { return q.inner().Len() }

// Cap returns how many items the queue has room for; 0: there is no bound.
func (q *JoinableQueue[T]) Cap() int { return q.inner().Cap() }

// Empty says whether there is nothing in the queue at this moment.
func (q *JoinableQueue[T]) Empty() bool { return q.inner().Empty() }

// Full says whether there is no room at this moment.
func (q *JoinableQueue[T]) Full() bool { return q.inner().Full() }

// Shutdown ends the queue for everybody: see Queue.Shutdown. Join does not wait for
// items that an immediate one has dropped.
func (q *JoinableQueue[T]) Shutdown(immediate bool) error {
	return renamed("JoinableQueue.Shutdown", q.inner().Shutdown(immediate))
}

// TaskDone says that this process is done with an item that it has taken. It
// returns ErrNotTaken if it has said so of all already, and ErrClosed if the handle
// has been closed.
func (q *JoinableQueue[T]) TaskDone() error {
	if err := q.handle().Check(); err != nil {
		return misuse("JoinableQueue.TaskDone", err)
	}
	return misuse("JoinableQueue.TaskDone", q.q.q.Done())
}

// Join waits until all items that have been put are done with. It returns a
// *LostItemsError if some were lost with their consumers, and otherwise nil, the
// error of ctx, which matches ErrTimeout if it was its deadline, or ErrClosed if the
// handle has been closed, also meanwhile.
func (q *JoinableQueue[T]) Join(ctx context.Context) error {
	if err := q.handle().Check(); err != nil {
		return misuse("JoinableQueue.Join", err)
	}
	already := ctx.Err()
	return waitOutcome("JoinableQueue.Join", already, q.q.q.Join(ctx))
}

// Close gives up this handle, and has those who wait through it return ErrClosed. If
// it is the process's last, the items that the process has taken and is not done with
// are lost: see LostItemsError. Closing again does nothing.
func (q *JoinableQueue[T]) Close() error {
	return renamed("JoinableQueue.Close", q.inner().Close())
}

// String shows the type and how many items there are.
func (q *JoinableQueue[T]) String() string { return q.inner().text("mp.JoinableQueue") }
