package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/bridge"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/task"
	"github.com/multiproc/mp/internal/travel"
)

// Map runs the task for each item and returns the values in the order of the
// items. At the first error nothing more is started; when what runs has ended,
// Map returns nil and a *TaskError with the index of the failed item, the first
// of them if there are several. With KeepGoing it runs all, returns a slice with
// zero values where items failed, and the *TaskErrors joined in order: the error
// has the method Unwrap() []error.
//
// An item whose worker died has a *WorkerDiedError in its *TaskError; the others of its
// chunk are done elsewhere. When ctx ends, the items that run are cancelled, and killed
// after Options.KillGrace; Map then returns nil and ctx.Err(), also with KeepGoing, and
// so it does with ErrShutdown, ErrClosed or ErrBroken. The items are encoded as they
// are needed: leave the slice alone until Map returns. To map a task of several
// arguments, use mp.Zip2.
func Map[In, Out any](ctx context.Context, p *Pool, task *mp.Task[In, Out], items []In, opts ...Option) ([]Out, error) {
	return MapAsync(ctx, p, task, items, opts...).Get(context.Background())
}

// MapAsync is Map without waiting: the future has what Map returns, and the slice is to
// be left alone until it has ended.
func MapAsync[In, Out any](ctx context.Context, p *Pool, t *mp.Task[In, Out], items []In, opts ...Option) *Future[[]Out] {
	if err := p.check(ctx); err != nil {
		return failed[[]Out](err)
	}
	def := bridge.TaskDef(t)
	if def == nil {
		return failed[[]Out](errors.New("pool: a nil task cannot be mapped"))
	}
	o, err := p.apply(opts)
	if err != nil {
		return failed[[]Out](err)
	}
	in, out, err := def.Codecs()
	if err != nil {
		return failed[[]Out](err)
	}
	f := &Future[[]Out]{pool: p}
	m := &mapping[In, Out]{f: f, items: items, values: make([]Out, len(items)), in: in, out: out, options: o}
	b := &f.batch
	b.def, b.work, b.chunk, b.limit, b.retries, b.queued = def, m, o.chunk, o.limit, o.retries, len(items)
	if in.Carries() {
		b.chunk = 1 // who decodes an item runs it, and what it refers to goes with its outcome
	}
	p.mu.Lock()
	if err := p.accept(b); err != nil {
		p.mu.Unlock()
		return failed[[]Out](err)
	}
	b.deadline, _ = ctx.Deadline()
	if p.over(b) { // no items
		p.mu.Unlock()
		p.finish(b, nil)
		return f
	}
	p.queue.push(span{b: b, lo: 0, hi: len(items)})
	p.mu.Unlock()
	p.feed()
	if ctx.Done() != nil {
		f.watch(ctx)
	}
	return f
}

// mapping is the work of a Map.
type mapping[In, Out any] struct {
	f       *Future[[]Out]
	items   []In
	values  []Out
	in, out *codec.Codec
	options callOptions

	mu     sync.Mutex
	done   int
	errors []*TaskError
	held   held // what the arguments refer to
}

func (m *mapping[In, Out]) encode(dst []byte, lo, hi int) ([]byte, error) {
	args, luggage, err := appendItems(m.f.batch.def, m.in, dst, m.items[lo:hi])
	if luggage != nil {
		m.mu.Lock()
		m.held.keep(lo, luggage)
		m.mu.Unlock()
	}
	return args, err
}

// appendItems encodes arguments as one batch. The luggage is to be kept until the
// items have their outcome.
func appendItems[In any](def *task.Def, c *codec.Codec, dst []byte, items []In) ([]byte, travel.Luggage, error) {
	args, err := codec.AppendItems(c, dst, items)
	var luggage travel.Luggage
	if err == nil {
		luggage, err = travel.Pack(c, args[len(dst):])
	}
	if err != nil {
		return args, nil, def.Unsendable(err)
	}
	return args, luggage, nil
}

func (m *mapping[In, Out]) results(lo, n int, body []byte, _ bool) error {
	if err := codec.DecodeItems(m.out, body, m.values[lo:lo+n]); err != nil {
		return fmt.Errorf("pool: the result cannot be decoded: %w", err)
	}
	if m.in.Carries() {
		m.mu.Lock()
		m.held.drop(lo) // n is 1
		m.mu.Unlock()
	}
	m.advance(n)
	return nil
}

func (m *mapping[In, Out]) fail(i int, err error) {
	m.mu.Lock()
	m.errors = append(m.errors, &TaskError{Index: i, Err: err})
	clear(m.values[i : i+1]) // half a value may have been decoded
	m.held.drop(i)
	m.mu.Unlock()
	m.advance(1)
	if !m.options.keepGoing {
		m.f.pool.stop(&m.f.batch, errStopped, false)
	}
}

// errStopped is why a Map ends early after an item has failed, or an Imap that
// nobody ranges over any more. Nobody gets to see it.
var errStopped = errors.New("pool: stopped")

// advance reports progress.
func (m *mapping[In, Out]) advance(n int) {
	if m.options.progress == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	m.f.pool.guard("the function given to Progress", func() { m.options.progress(m.done, len(m.items)) })
}

func (m *mapping[In, Out]) finish(dropped error) {
	m.mu.Lock()
	failures := m.errors
	m.held.dropAll()
	m.mu.Unlock()
	slices.SortFunc(failures, func(a, b *TaskError) int { return a.Index - b.Index })
	interrupted := dropped != nil && dropped != errStopped
	if interrupted && !m.options.keepGoing { // an item may have failed before that
		failures = slices.DeleteFunc(failures, func(e *TaskError) bool { return e.Err == dropped })
	}
	switch {
	case interrupted && (len(failures) == 0 || m.options.keepGoing):
		m.f.decide(nil, dropped)
	case len(failures) == 0:
		m.f.decide(m.values, nil)
	case m.options.keepGoing:
		errs := make([]error, len(failures))
		for i, e := range failures {
			errs[i] = e
		}
		m.f.decide(m.values, errors.Join(errs...))
	default:
		m.f.decide(nil, failures[0])
	}
}
