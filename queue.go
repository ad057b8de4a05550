package mp

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"reflect"
	"runtime"
	"sync"

	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/travel"
)

// Errors of queues.
var (
	// ErrFull: the queue has no room.
	ErrFull = errors.New("is full")
	// ErrEmpty: there is nothing in the queue.
	ErrEmpty = errors.New("is empty")
)

// A Queue carries values of type T from any number of goroutines in any number of
// processes to any number of others. T is what can be the argument of a task;
// handles on shared objects travel in it. Make it with NewQueue, after Init, and
// pass it as, or in, the argument of a task.
//
// Items of one producer come in the order in which it has put them. An item is in
// shared memory when Put returns, so nothing is lost when the producer ends, or is
// killed, right after, and a process can be joined before its items are read. A
// process that is killed while it puts or gets, at whatever instant, leaves the
// queue as it was before or after; with a consumer at most the item is gone that it
// had taken.
//
// A nil or zero Queue returns an error that says that it was not made here, from all
// methods that have one to return; it is empty, and closed already. A closed one
// returns ErrClosed.
type Queue[T any] struct {
	h     shm.Handle
	q     *fifo.Queue
	codec *codec.Codec
	turns sync.Pool // of *turn[T]
}

// A turn is what one Put or Get needs, to be used again: what is encoded and decoded
// is reached by reflection, and would be on the heap anew each time.
type turn[T any] struct {
	v    T
	buf  []byte
	item fifo.Item
}

func (q *Queue[T]) turn() *turn[T] {
	if t, ok := q.turns.Get().(*turn[T]); ok {
		return t
	}
	return new(turn[T])
}

// over keeps a turn for the next one.
func (q *Queue[T]) over(t *turn[T]) {
	var zero T
	t.v = zero
	if cap(t.buf) > keepBuffer {
		t.buf = nil
	}
	q.turns.Put(t)
}

// NewQueue makes a queue for capacity items; 0 means as many as there is memory
// for. It returns an error that names the field if T cannot travel, and one if the
// capacity is negative or above MaxInt32; ErrNotInitialized before Init; and
// ErrNoMemory if there is no memory for the queue.
func NewQueue[T any](capacity int) (*Queue[T], error) {
	q := new(Queue[T])
	return made(q, q.make("NewQueue", q, fifo.Config{Capacity: capacity}))
}

// make makes the object; self is the handle that q is a part of.
func (q *Queue[T]) make(what string, self sharedHandle, c fifo.Config) (err error) {
	if c.Capacity < 0 || c.Capacity > math.MaxInt32 {
		return fmt.Errorf("mp: %s: a capacity of %d is out of range; 0 means no bound", what, c.Capacity)
	}
	if err := ready("mp: " + what); err != nil {
		return err
	}
	if q.codec, err = codec.Of[T](); err != nil {
		return misuse(what, err)
	}
	a, err := shm.Default()
	if err != nil {
		return misuse(what, err)
	}
	c.Kind, c.Hash = self.shape()
	o, err := fifo.New(a, c)
	if err != nil {
		return misuse(what, err)
	}
	return bound(o, self.bind(o))
}

func (q *Queue[T]) shape() (shm.Kind, uint32) { return fifo.KindQueue, typeHash[T]("queue") }

// typeHash tells apart what is in objects for different purposes.
func typeHash[T any](purpose string) uint32 {
	t := reflect.TypeFor[T]()
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %s %s", purpose, t.PkgPath(), t)
	return h.Sum32()
}

func (q *Queue[T]) handle() *shm.Handle {
	if q == nil {
		return nil
	}
	return &q.h
}

func (q *Queue[T]) bind(o *shm.Object) error {
	if err := q.open(o); err != nil {
		return err
	}
	shm.Bind(q, &q.h, o)
	return nil
}

// open does what has to be done before a handle is bound.
func (q *Queue[T]) open(o *shm.Object) (err error) {
	if q.codec, err = codec.Of[T](); err != nil {
		return err
	}
	q.h.Brief = true
	q.q, err = fifo.Open(&q.h, o)
	return err
}

// Put puts v at the end, and waits for room as long as the queue is full. When it
// returns nil the item is in the queue; otherwise it is not. An error is that of ctx,
// which matches ErrFull too if it was waited for room, and then ErrTimeout
// if it was its deadline; ErrClosed if the handle has been closed or the queue shut
// down; ErrNoMemory if there is no memory for the item; or it says why v cannot be
// encoded: an item has room for handles on 40 objects, for example.
func (q *Queue[T]) Put(ctx context.Context, v T) error {
	return q.put("Queue.Put", v, func(m fifo.Message) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return waited(q.q.Put(ctx, m), ErrFull)
	})
}

// waited is the error of a wait: that of a context matches what it was waited for.
func waited(err, what error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", what, ErrTimeout)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", what, err)
	}
	return err
}

// TryPut is Put without waiting: if there is no room it returns ErrFull.
func (q *Queue[T]) TryPut(v T) error {
	return q.put("Queue.TryPut", v, func(m fifo.Message) error {
		return q.q.TryPut(m)
	})
}

// keepBuffer is the largest buffer that is kept.
const keepBuffer = 4 << 20

func (q *Queue[T]) put(what string, v T, send func(m fifo.Message) error) error {
	if err := q.handle().Check(); err != nil {
		return misuse(what, err)
	}
	t := q.turn()
	defer q.over(t)
	t.v = v
	head, tail, err := codec.AppendHead(q.codec, t.buf[:0], &t.v)
	if err != nil {
		return misuse(what, err)
	}
	t.buf = head
	m := fifo.Message{Head: head, Tail: tail}
	if !q.codec.Carries() {
		return queueError(what, send(m))
	}
	luggage, err := travel.Pack(q.codec, head)
	runtime.KeepAlive(t) // the handles of v, up to here
	if err != nil {
		return misuse(what, err)
	}
	defer luggage.Drop()
	m.Cells = luggage.Cells()
	return queueError(what, send(m))
}

// queueError puts our errors in the place of those of package fifo.
func queueError(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fifo.ErrShut):
		err = fmt.Errorf("%w: it has been shut down", ErrClosed)
	case errors.Is(err, fifo.ErrFull):
		err = ErrFull
	case errors.Is(err, fifo.ErrEmpty):
		err = ErrEmpty
	case errors.Is(err, ErrFull), errors.Is(err, ErrEmpty): // for as long as the context allowed
		return misuse(what, err)
	}
	return outcome(what, err)
}

// Get takes the first item, and waits for one as long as the queue is empty. An
// error is that of ctx, which matches ErrEmpty too if it was waited for an item, and
// then ErrTimeout if it was its deadline;
// ErrClosed if the handle has been closed, or the queue shut down and there is
// nothing left; or it says why the item, which is gone, cannot be decoded.
func (q *Queue[T]) Get(ctx context.Context) (T, error) {
	return q.get(ctx, "Queue.Get", (*Queue[T]).take)
}

// GetInto is Get into *v, whose memory it uses if T is a slice of bytes or numbers and
// the item fits: for large items that costs a fraction of new memory for each. After
// an error *v is not to be relied on. If v is nil it is an error, and the item stays.
func (q *Queue[T]) GetInto(ctx context.Context, v *T) error {
	if v == nil {
		return misuse("Queue.GetInto", errors.New("into a nil pointer"))
	}
	return q.receive(ctx, "Queue.GetInto", (*Queue[T]).take, func(_ *turn[T], payload []byte) error {
		return codec.DecodeInto(q.codec, payload, v)
	})
}

// payloadFor returns what c is to decode: the payload in shared memory only if it
// looks at that once, for a broken process might write there.
func payloadFor(c *codec.Codec, item *fifo.Item) ([]byte, error) {
	if c.Rereads() {
		return item.Private()
	}
	return item.Payload()
}

// TryGet is Get without waiting: if there is nothing it returns ErrEmpty.
func (q *Queue[T]) TryGet() (T, error) {
	return q.get(context.Background(), "Queue.TryGet", (*Queue[T]).tryTake)
}

// A taker takes an item, or fails if there is none: at once, or when ctx has ended.
type taker[T any] func(q *Queue[T], ctx context.Context, item *fifo.Item) error

func (q *Queue[T]) get(ctx context.Context, what string, take taker[T]) (v T, err error) {
	err = q.receive(ctx, what, take, func(t *turn[T], payload []byte) error {
		err := codec.Decode(q.codec, payload, &t.v)
		if err == nil {
			v = t.v
		}
		return err
	})
	return v, err
}

// receive takes an item, and has use look at its payload.
func (q *Queue[T]) receive(ctx context.Context, what string, take taker[T], use func(t *turn[T], payload []byte) error) error {
	if err := q.handle().Check(); err != nil {
		return misuse(what, err)
	}
	t := q.turn()
	defer q.over(t)
	if err := take(q, ctx, &t.item); err != nil {
		return queueError(what, err)
	}
	defer t.item.Drop() // when what it refers to has handles of its own
	payload, err := payloadFor(q.codec, &t.item)
	if err == nil {
		err = use(t, payload)
	}
	return misuse(what, err)
}

func (q *Queue[T]) tryTake(_ context.Context, item *fifo.Item) error { return q.q.TryTake(item) }

func (q *Queue[T]) take(ctx context.Context, item *fifo.Item) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return waited(q.q.Take(ctx, item), ErrEmpty)
}

// All takes items until the queue has been shut down and is empty. Every other
// error, that of ctx too, is the last that it yields.
func (q *Queue[T]) All(ctx context.Context) iter.Seq2[T, error] { return q.all(ctx, "Queue.All") }

func (q *Queue[T]) all(ctx context.Context, what string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := q.get(ctx, what, (*Queue[T]).take)
			if err != nil && q.handle().Check() == nil && errors.Is(err, ErrClosed) {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Len returns how many items are in the queue at this moment; 0 if the handle is
// closed.
func (q *Queue[T]) Len() int {
	if q.handle().Check() != nil {
		return 0
	}
	return q.q.Len()
}

// Cap returns how many items the queue has room for; 0: there is no bound.
func (q *Queue[T]) Cap() int {
	if q.handle().Check() != nil {
		return 0
	}
	return q.q.Cap()
}

// Empty says whether there is nothing in the queue at this moment.
func (q *Queue[T]) Empty() bool { return q.Len() == 0 }

// Full says whether there is no room at this moment.
func (q *Queue[T]) Full() bool { return q.Cap() > 0 && q.Len() >= q.Cap() }

// Shutdown ends the queue for everybody: Put fails from now on, also for those who
// wait for room, with ErrClosed. Get goes on until there is nothing left, or, if it
// is immediate, fails at once. Shutting down again does no harm.
func (q *Queue[T]) Shutdown(immediate bool) error {
	if err := q.handle().Check(); err != nil {
		return misuse("Queue.Shutdown", err)
	}
	return misuse("Queue.Shutdown", q.q.Shutdown(immediate))
}

// Close gives up this handle, and has those who wait through it return ErrClosed.
// The queue, with what is in it, is there for the other handles, of this and of
// other processes. Closing again does nothing.
func (q *Queue[T]) Close() error {
	if q == nil {
		return nil
	}
	return misuse("Queue.Close", q.q.Close())
}

// String shows the type and how many items there are.
func (q *Queue[T]) String() string { return q.text("mp.Queue") }

func (q *Queue[T]) text(name string) string {
	name += "[" + reflect.TypeFor[T]().String() + "]"
	if err := q.handle().Check(); err != nil {
		return name + "(" + err.Error() + ")"
	}
	if q.Cap() == 0 {
		return fmt.Sprintf("%s(%d)", name, q.Len())
	}
	return fmt.Sprintf("%s(%d of %d)", name, q.Len(), q.Cap())
}

// renamed puts the method that the user has called in the place of the one of Queue
// that it uses.
func renamed(what string, err error) error {
	if e, ok := err.(*callError); ok {
		return &callError{what, e.err}
	}
	return err
}
