package pool

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/bridge"
	"github.com/multiproc/mp/internal/task"
)

// Imap runs the task for each item of a sequence and yields the values in the
// order of the items. It pulls no more of the input than is needed to keep the
// workers busy (see InFlight), so endless inputs and large results are fine.
//
// An item that fails yields its error, a *TaskError with the index, and the loop
// goes on. Any other error is the last thing yielded: the end of ctx, which also
// cancels what runs, or that of the pool.
//
// Nothing happens before the first iteration, and each range over the result
// runs the tasks anew. The input is pulled by a goroutine of the pool, which has
// ended when the loop has, also when the loop is left early or ctx ends; what is in
// flight is then cancelled. So an input that waits holds up the end of the loop: one
// that reads from a channel should watch ctx, too, and something that ends when the
// loop is left:
//
//	func(yield func(int) bool) {
//		for {
//			select {
//			case v, ok := <-values:
//				if !ok || !yield(v) {
//					return
//				}
//			case <-ctx.Done():
//				return
//			}
//		}
//	}
func Imap[In, Out any](ctx context.Context, p *Pool, task *mp.Task[In, Out], items iter.Seq[In], opts ...Option) iter.Seq2[Out, error] {
	return imap(ctx, p, task, withoutErrors(items), true, opts)
}

// ImapUnordered is Imap, but yields values as they come.
func ImapUnordered[In, Out any](ctx context.Context, p *Pool, task *mp.Task[In, Out], items iter.Seq[In], opts ...Option) iter.Seq2[Out, error] {
	return imap(ctx, p, task, withoutErrors(items), false, opts)
}

// ImapErr is Imap for an input that can fail: its first error ends the input, and
// is yielded behind the values of the items before it.
func ImapErr[In, Out any](ctx context.Context, p *Pool, task *mp.Task[In, Out], items iter.Seq2[In, error], opts ...Option) iter.Seq2[Out, error] {
	return imap(ctx, p, task, items, true, opts)
}

func withoutErrors[In any](items iter.Seq[In]) iter.Seq2[In, error] {
	if items == nil {
		return nil
	}
	return func(yield func(In, error) bool) {
		for item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func imap[In, Out any](ctx context.Context, p *Pool, t *mp.Task[In, Out], items iter.Seq2[In, error], ordered bool, opts []Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		var s *stream[In, Out]
		err := errors.New("pool: a nil sequence cannot be mapped")
		if items != nil {
			s, err = newStream[In, Out](ctx, p, bridge.TaskDef(t), ordered, opts)
		}
		if err != nil {
			var zero Out
			yield(zero, err)
			return
		}
		s.run(ctx, items, yield)
	}
}

// newStream makes the stream of one range loop.
func newStream[In, Out any](ctx context.Context, p *Pool, def *task.Def, ordered bool, opts []Option) (*stream[In, Out], error) {
	if err := p.check(ctx); err != nil {
		return nil, err
	}
	if def == nil {
		return nil, errors.New("pool: a nil task cannot be mapped")
	}
	o, err := p.apply(opts)
	if err != nil {
		return nil, err
	}
	in, out, err := def.Codecs()
	if err != nil {
		return nil, err
	}
	s := &stream[In, Out]{pool: p, in: in, out: out, ordered: ordered, options: o}
	s.changed.L, s.room.L = &s.mu, &s.mu
	s.batch = batch{def: def, work: s, chunk: o.chunk, limit: o.limit, retries: o.retries, open: true}
	if in.Carries() {
		s.batch.chunk = 1 // each item's luggage goes with its outcome
	}
	s.batch.deadline, _ = ctx.Deadline()
	s.resize(minRing)
	p.mu.Lock()
	defer p.mu.Unlock()
	return s, p.accept(&s.batch)
}

// run is the range loop.
func (s *stream[In, Out]) run(ctx context.Context, items iter.Seq2[In, error], yield func(Out, error) bool) {
	stopWatch := context.AfterFunc(ctx, func() { s.halt(ctx.Err(), true) })
	pulled := make(chan struct{})
	go func() {
		defer close(pulled)
		s.pull(items)
	}()
	ended := false
	defer func() {
		stopWatch()
		if !ended {
			s.halt(errStopped, true)
		}
		<-pulled
	}()
	var values []shown[Out]
	for {
		var last error
		values, last = s.await(values[:0])
		if len(values) == 0 {
			ended = true
			if last != nil {
				var zero Out
				yield(zero, last)
			}
			return
		}
		for _, v := range values {
			if !yield(v.value, v.err) {
				return
			}
		}
	}
}

// pull takes items from the input as there is room for them.
func (s *stream[In, Out]) pull(items iter.Seq2[In, error]) {
	var failure error
	defer func() {
		if r := recover(); r != nil {
			failure = fmt.Errorf("pool: the input of Imap panicked: %v", r)
		}
		s.close(failure)
	}()
	for item, err := range items {
		if err != nil {
			failure = err
			return
		}
		if !s.put(item) {
			return
		}
	}
}
