package pool

import (
	"context"
	"fmt"
	"sync"

	"github.com/multiproc/mp/internal/ipc/codec"
)

// FutureState says how far a task has come.
type FutureState int

// The states of a task. docs/architecture.md draws how they follow each other.
const (
	Queued     FutureState = iota // no worker has it
	Sent                          // a worker has it, and will run it unless it is taken back
	Running                       // a worker runs it
	Cancelling                    // it was cancelled while it ran, and has not returned
	Done                          // it has a value or an error
)

// String returns the state's name.
func (s FutureState) String() string {
	if s < Queued || s > Done {
		return fmt.Sprintf("FutureState(%d)", int(s))
	}
	return [...]string{"queued", "sent", "running", "cancelling", "done"}[s]
}

// A Future is a task that was submitted. Any number of goroutines may wait for
// it. It ends when its task does not run any more: with a value, an error, or
// because it was cancelled before it ran. Submit and MapAsync make futures; a zero
// Future never ends, and a nil one has ended with an error.
type Future[T any] struct {
	pool  *Pool
	batch batch
	stop  func() bool // ends the watch on the context; nil: none

	mu       sync.Mutex
	outcome  outcome
	value    T
	valued   bool // of a single call: it has returned a value
	err      error
	done     chan struct{}      // made when somebody asks for it
	hooks    map[*func()]func() // internal; quick
	callback []func(T, error)
}

type outcome int

const (
	open     outcome = iota
	decided          // there is a value or an error, and callbacks run
	complete         // they have returned
)

// failed returns a future that has ended before it began.
func failed[T any](err error) *Future[T] {
	return &Future[T]{outcome: complete, err: err}
}

// orFailed is the future, and if that is nil one that has failed.
func (f *Future[T]) orFailed() *Future[T] {
	if f == nil {
		return failed[T](errNoFuture)
	}
	return f
}

// Get waits for the task's value. If ctx ends first it returns ctx.Err() and
// nothing has changed: the task goes on. The task's own error is what the task
// returned, as an *mp.RemoteError; a *WorkerDiedError; an error that matches
// mp.ErrTimeout; or the error of the context that owns the task.
func (f *Future[T]) Get(ctx context.Context) (T, error) {
	f = f.orFailed()
	f.mu.Lock()
	if f.outcome != open {
		defer f.mu.Unlock()
		return f.value, f.err
	}
	done := f.channel()
	f.mu.Unlock()
	select {
	case <-done:
	default:
		select {
		case <-done:
		case <-ctx.Done():
			var zero T
			return zero, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.value, f.err
}

// Done is closed when the task has ended and the functions given to OnDone
// before that have returned.
func (f *Future[T]) Done() <-chan struct{} {
	f = f.orFailed()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.channel()
}

// channel makes the done channel. The caller holds mu.
func (f *Future[T]) channel() chan struct{} {
	if f.done == nil {
		f.done = make(chan struct{})
		if f.outcome == complete {
			close(f.done)
		}
	}
	return f.done
}

// Err returns the task's error: nil if it returned a value, ErrNotDone if it
// has not ended.
func (f *Future[T]) Err() error {
	f = f.orFailed()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.outcome == open {
		return ErrNotDone
	}
	return f.err
}

// State returns how far the task has come.
func (f *Future[T]) State() FutureState {
	f = f.orFailed()
	f.mu.Lock()
	ended := f.outcome != open
	f.mu.Unlock()
	if ended {
		return Done
	}
	if f.pool == nil {
		return Queued
	}
	return f.pool.stateOf(&f.batch)
}

// stateOf looks a batch up.
func (p *Pool) stateOf(b *batch) FutureState {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.flying == 0 {
		return Queued
	}
	if b.dead != nil {
		return Cancelling
	}
	for _, w := range p.workers {
		for i := w.head; i < len(w.flights); i++ {
			if f := &w.flights[i]; f.b == b && w.ledger.Started() > f.first {
				return Running
			}
		}
	}
	return Sent
}

// Cancel ends the task: one that does not run yet never will; the context of
// one that runs ends, and if it has not returned after Options.KillGrace its
// worker is killed. Cancel returns whether there was anything to cancel; what
// came of it is the future's error, which matches ErrCancelled unless the task
// returned a value all the same.
func (f *Future[T]) Cancel() bool {
	f = f.orFailed()
	f.mu.Lock()
	ended := f.outcome != open
	f.mu.Unlock()
	if ended || f.pool == nil {
		return false
	}
	f.pool.stop(&f.batch, ErrCancelled, true)
	return true
}

// OnDone has fn called with the outcome, on a goroutine of its own; at once, and
// in the caller's goroutine, if the task has ended. Functions are called in the
// order in which they were given. A panic in one is logged, and the others are
// called all the same.
func (f *Future[T]) OnDone(fn func(T, error)) {
	f = f.orFailed()
	f.mu.Lock()
	if f.outcome == open {
		f.callback = append(f.callback, fn)
		f.mu.Unlock()
		return
	}
	value, err := f.value, f.err
	f.mu.Unlock()
	f.call(fn, value, err)
}

func (f *Future[T]) call(fn func(T, error), value T, err error) {
	f.pool.guard("a function given to OnDone", func() { fn(value, err) })
}

// whenDone has hook called when the future has ended; at once if it has. forget
// takes that back.
func (f *Future[T]) whenDone(hook func()) (forget func()) {
	f = f.orFailed()
	f.mu.Lock()
	if f.outcome != open {
		f.mu.Unlock()
		hook()
		return func() {}
	}
	defer f.mu.Unlock()
	if f.hooks == nil {
		f.hooks = make(map[*func()]func())
	}
	key := &hook
	f.hooks[key] = hook
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.hooks, key)
	}
}

// decide sets the outcome. Only the first call counts.
func (f *Future[T]) decide(value T, err error) {
	f.mu.Lock()
	if f.outcome != open {
		f.mu.Unlock()
		return
	}
	f.value, f.err = value, err
	f.outcome = decided
	f.batch.arg = nil
	callbacks := f.callback
	f.callback = nil
	if len(callbacks) == 0 {
		f.completeLocked()
		return
	}
	f.mu.Unlock()
	go func() {
		defer func() { // also if a function ends the goroutine
			f.mu.Lock()
			f.completeLocked()
		}()
		for _, fn := range callbacks {
			f.call(fn, value, err)
		}
	}()
}

// completeLocked wakes whoever waits. The caller holds mu, which is released.
func (f *Future[T]) completeLocked() {
	f.outcome = complete
	if f.done != nil {
		close(f.done)
	}
	hooks := f.hooks
	f.hooks = nil
	stop := f.stop
	f.stop = nil
	f.mu.Unlock()
	if stop != nil {
		stop()
	}
	for _, hook := range hooks {
		hook()
	}
}

// single is the work of a future for one call.
type single[T any] struct{ f *Future[T] }

func (s single[T]) encode(dst []byte, _, _ int) ([]byte, error) {
	return append(dst, s.f.batch.arg...), nil
}

func (s single[T]) results(_, n int, body []byte, _ bool) error {
	_, c, err := s.f.batch.def.Codecs()
	if err != nil {
		return err
	}
	var items [1]T
	if err := codec.DecodeItems(c, body, items[:]); err != nil {
		return fmt.Errorf("pool: the result of %s cannot be decoded: %w", s.f.batch.def.Name(), err)
	}
	s.f.value, s.f.valued = items[0], true
	return nil
}

func (s single[T]) fail(_ int, err error) { s.f.err = err }

// finish publishes the outcome, which belongs to nobody else until then.
func (s single[T]) finish(dropped error) {
	err := s.f.err
	if err == nil && !s.f.valued {
		err = dropped
	}
	s.f.decide(s.f.value, err)
}
