package pool

import (
	"context"
	"errors"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/bridge"
)

// Apply runs one call and returns its value. It is Submit and Get in one, and
// like those it returns when the task does not run any more: a ctx that ends,
// ends the task, and kills it after Options.KillGrace.
func Apply[Out any](ctx context.Context, p *Pool, call mp.Call[Out], opts ...Option) (Out, error) {
	f := Submit(ctx, p, call, opts...)
	return f.Get(context.Background())
}

// Submit gives a call to the pool, without waiting: tasks queue without a bound. The
// argument has been encoded when Submit returns. Errors of the call, and of the pool
// (ErrShutdown, ErrBroken, ErrNoPool), are those of the future; a worker that dies
// under the task is a *WorkerDiedError. The context owns the task: when it ends, so
// does the task.
func Submit[Out any](ctx context.Context, p *Pool, call mp.Call[Out], opts ...Option) *Future[Out] {
	if err := p.check(ctx); err != nil {
		return failed[Out](err)
	}
	bound := bridge.CallBound(call)
	if bound == nil || bound.Def == nil {
		return failed[Out](errors.New("pool: a zero mp.Call cannot be run; make one with task.With(argument)"))
	}
	f := &Future[Out]{pool: p}
	b := &f.batch
	b.def, b.work, b.retries, b.queued = bound.Def, single[Out]{f}, p.opts.Retries, 1
	if len(opts) > 0 {
		o, err := p.apply(opts)
		if err != nil {
			return failed[Out](err)
		}
		b.limit, b.retries = o.limit, o.retries
	}
	var err error
	if b.arg, b.luggage, err = bound.AppendArg(make([]byte, 0, argHint)); err != nil {
		return failed[Out](err)
	}
	p.mu.Lock()
	if err := p.accept(b); err != nil {
		p.mu.Unlock()
		b.luggage.Drop()
		return failed[Out](err)
	}
	b.deadline, _ = ctx.Deadline()
	p.queue.push(span{b: b, lo: 0, hi: 1})
	p.give()
	p.mu.Unlock()
	if ctx.Done() != nil {
		f.watch(ctx)
	}
	return f
}

// argHint is room for a small argument.
const argHint = 32

// watch has the end of ctx end the task.
func (f *Future[T]) watch(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { f.pool.stop(&f.batch, ctx.Err(), true) })
	f.mu.Lock()
	if f.outcome != complete {
		f.stop, stop = stop, nil
	}
	f.mu.Unlock()
	if stop != nil {
		stop()
	}
}
