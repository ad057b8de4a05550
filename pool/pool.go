package pool

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/bridge"
	"github.com/multiproc/mp/internal/task"
)

// A Pool keeps worker processes and runs tasks on them. Make it with New. All
// functions of this package may be called from any goroutine. Not closing a pool
// costs its workers and nothing more: they end with the program.
//
// The workers ignore SIGINT and SIGTERM: a terminal or a service manager signals
// the whole group, and the graceful end is the parent's. Their standard input is
// /dev/null, their output that of this process. They die with it.
//
// A worker that has died is replaced. If that fails it is tried again, with a
// pause of up to a second, and the others go on meanwhile. A pool without any
// worker gives up after five attempts, or ten seconds if it is the system that has
// no room for another process: whatever is waiting ends with ErrBroken.
type Pool struct {
	opts   Options
	cpus   int32
	forget func() // takes back the registration for the end of the program

	// busy counts the workers that have work, for the readers' polling.
	busy atomic.Int32

	scratch atomic.Pointer[[]byte] // a buffer for encoding

	mu      sync.Mutex
	queue   queue
	workers []*worker // alive, or starting
	idle    []*worker // without work; the last to become so is the first to get some
	full    bool      // no worker has room for more
	state   poolState
	broken  error // why the pool has given up
	pending int   // batches that have not ended
	drained chan struct{}
	closed  chan struct{} // closed when the state is closing

	// starting bounds how many workers start at the same time: each has only so
	// long to say hello.
	starting chan struct{}
	// startFailed says that New has failed.
	startFailed atomic.Bool
	alive       sync.WaitGroup
	pace        map[*task.Def]*pace
	batches     map[*batch]struct{}
	count       counters
	// stillborn counts the workers in a row that ended by themselves before they
	// had run anything.
	stillborn int
	keeper    keeper
}

type poolState int

const (
	accepting poolState = iota
	draining            // Shutdown: no new tasks
	closing             // Close: nothing is run any more
)

// New starts the workers and returns when all of them are ready for work. If one
// cannot be started, or is not ready within ten seconds, the others are ended, and
// the error says why. Before mp.Init it is mp.ErrNotInitialized.
func New(o Options) (*Pool, error) {
	if err := bridge.Ready("pool: New"); err != nil {
		return nil, err
	}
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	p := &Pool{
		opts:    o,
		cpus:    int32(mp.CPUCount()),
		drained: make(chan struct{}),
		closed:  make(chan struct{}),

		starting: make(chan struct{}, 2*mp.CPUCount()),
		pace:     make(map[*task.Def]*pace),
		batches:  make(map[*batch]struct{}),
	}
	p.keeper.init(p)
	if err := p.startAll(); err != nil {
		_ = p.Close()
		return nil, err
	}
	p.forget = bridge.AtExit(func() { _ = p.Close() })
	return p, nil
}

// startAll starts the workers at the same time.
func (p *Pool) startAll() error {
	errs := make([]error, p.opts.Workers)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			if errs[i] = p.startWorker(); errs[i] != nil {
				p.startFailed.Store(true) // the others need not be tried
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil && err != errNotTried {
			return fmt.Errorf("pool: %w", err)
		}
	}
	return nil
}

// check refuses a nil and a zero pool, and a context that has ended.
func (p *Pool) check(ctx context.Context) error {
	if p == nil || p.batches == nil {
		return ErrNoPool
	}
	return ctx.Err()
}

// accept admits a batch of items, or says why not. The batch is then in the
// pool, and its first spans may be pushed.
//
// The caller holds mu.
func (p *Pool) accept(b *batch) error {
	switch {
	case p.broken != nil:
		return p.broken
	case p.state != accepting:
		return ErrShutdown
	}
	p.pending++
	p.batches[b] = struct{}{}
	return nil
}

// finish ends a batch that over has found to be so. The caller does not hold mu.
func (p *Pool) finish(b *batch, dropped error) {
	b.luggage.Drop()
	b.work.finish(dropped)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending--
	if p.pending == 0 && p.state != accepting {
		p.closeDrained()
	}
}

func (p *Pool) closeDrained() {
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}

// Workers returns the pids of the workers that are alive.
func (p *Pool) Workers() []int {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pids := make([]int, 0, len(p.workers))
	for _, w := range p.workers {
		if w.ready {
			pids = append(pids, w.host.pid())
		}
	}
	return pids
}

// Shutdown ends the pool in good order: no new tasks are accepted, those that
// were are run, and the workers end; one that dies meanwhile is replaced. If ctx
// ends before that, Shutdown returns ctx.Err(), and the pool goes on ending by
// itself; Close ends it at once.
func (p *Pool) Shutdown(ctx context.Context) error {
	if p == nil || p.batches == nil {
		return ErrNoPool
	}
	p.mu.Lock()
	if p.state == accepting {
		p.state = draining
	}
	if p.pending == 0 {
		p.closeDrained()
	}
	p.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		<-p.drained
		p.endWorkers(false)
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the pool at once: tasks that have not ended, end with ErrClosed, and
// workers that still run one are killed. It returns when no worker is left: nil,
// or an *AbandonedError if it threw work away. Further calls return nil.
func (p *Pool) Close() error {
	if p == nil || p.batches == nil {
		return ErrNoPool
	}
	p.mu.Lock()
	first := p.state != closing
	p.setClosing()
	abandoned := 0
	var doomed []*batch
	for b := range p.batches {
		abandoned += max(b.queued+b.flying, 1)
		doomed = append(doomed, b)
	}
	p.mu.Unlock()
	for _, b := range doomed {
		p.stop(b, ErrClosed, false)
	}
	p.endWorkers(true)
	p.mu.Lock()
	if p.pending == 0 {
		p.closeDrained()
	}
	p.mu.Unlock()
	<-p.drained // everything that was thrown away has ended
	if !first || abandoned == 0 {
		return nil
	}
	return &AbandonedError{Tasks: abandoned}
}

// setClosing has nothing more started. The caller holds mu.
func (p *Pool) setClosing() {
	if p.state != closing {
		p.state = closing
		close(p.closed)
	}
}

// endWorkers ends the workers, and waits for their end. Idle ones leave in good
// order; hard says what happens to the others.
func (p *Pool) endWorkers(hard bool) {
	p.mu.Lock()
	p.setClosing()
	for _, w := range p.workers {
		p.dismiss(w, hard)
	}
	p.mu.Unlock()
	p.alive.Wait()
	p.keeper.stop()
	if p.forget != nil {
		p.forget()
	}
}

// log writes a record if the user wants one.
func (p *Pool) log(level slog.Level, msg string, args ...any) {
	if p.opts.Logger != nil {
		p.opts.Logger.Log(context.Background(), level, msg, args...)
	}
}

// guard calls a function of the user. A panic in it is logged, or written to
// stderr if nobody wants a log, and harms nobody else.
func (p *Pool) guard(what string, fn func()) {
	defer func() {
		switch r := recover(); {
		case r == nil:
		case p == nil || p.opts.Logger == nil:
			fmt.Fprintf(os.Stderr, "pool: %s panicked: %v\n%s", what, r, debug.Stack())
		default:
			p.log(slog.LevelError, what+" panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	fn()
}

// giveUp ends all tasks: the workers cannot be started.
func (p *Pool) giveUp(why error) {
	p.mu.Lock()
	if p.broken == nil {
		p.broken = fmt.Errorf("%w: %w", ErrBroken, why)
	}
	broken := p.broken
	var doomed []*batch
	for b := range p.batches {
		doomed = append(doomed, b)
	}
	p.mu.Unlock()
	for _, b := range doomed {
		p.stop(b, broken, false)
	}
}
