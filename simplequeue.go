package mp

import (
	"context"

	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/shm"
)

// A SimpleQueue is a Queue without a bound and with little else. It is made by
// NewSimpleQueue: a nil or zero one is an error of Put and Get, is empty, and is closed
// already.
type SimpleQueue[T any] struct{ q Queue[T] }

// NewSimpleQueue makes a queue like NewQueue with capacity 0, with the same errors.
func NewSimpleQueue[T any]() (*SimpleQueue[T], error) {
	q := new(SimpleQueue[T])
	return made(q, q.q.make("NewSimpleQueue", q, fifo.Config{}))
}

func (q *SimpleQueue[T]) shape() (shm.Kind, uint32) {
	return fifo.KindQueue, typeHash[T]("simple queue")
}

func (q *SimpleQueue[T]) handle() *shm.Handle { return q.inner().handle() }

func (q *SimpleQueue[T]) bind(o *shm.Object) error {
	if err := q.q.open(o); err != nil {
		return err
	}
	shm.Bind(q, &q.q.h, o)
	return nil
}

func (q *SimpleQueue[T]) inner() *Queue[T] {
	if q == nil {
		return nil
	}
	return &q.q
}

// Put puts v at the end. It never waits for room. When it returns nil the item is in
// the queue; otherwise it is not. An error is ErrClosed if the handle has been closed,
// ErrNoMemory if there is no memory for the item, or it says why v cannot be encoded.
func (q *SimpleQueue[T]) Put(v T) error {
	return renamed("SimpleQueue.Put", q.inner().TryPut(v))
}

// Get takes the first item, and waits for one as long as the queue is empty. An error
// is that of ctx, which matches ErrEmpty too if it was waited for an item, and then
// ErrTimeout if it was its deadline; ErrClosed if the handle has been closed, also
// meanwhile; or it says why the item, which is gone, cannot be decoded.
func (q *SimpleQueue[T]) Get(ctx context.Context) (T, error) {
	v, err := q.inner().Get(ctx)
	return v, renamed("SimpleQueue.Get", err)
}

// Empty says whether there is nothing in the queue at this moment; that of a closed
// handle is empty.
func (q *SimpleQueue[T]) Empty() bool { return q.inner().Empty() }

// Close gives up this handle, and has those who wait through it return ErrClosed. The
// queue, with what is in it, is there for the other handles, of this and of other
// processes. Closing again does nothing, nor does it for a nil or zero SimpleQueue.
func (q *SimpleQueue[T]) Close() error {
	return renamed("SimpleQueue.Close", q.inner().Close())
}

// String shows the type and how many items there are.
func (q *SimpleQueue[T]) String() string { return q.inner().text("mp.SimpleQueue") }
