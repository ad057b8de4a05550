package pool

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/task"
	"github.com/multiproc/mp/internal/travel"
)

// A worker is one worker as the pool sees it. Its items are numbered in the
// order in which they are sent; docs/architecture.md has its states.
type worker struct {
	pool    *Pool
	host    host
	results *ipc.Reader
	tasks   *ipc.Writer
	ledger  *ledger.Ledger
	transit *travel.Transit // nil: no result can have handles in it

	// due counts the items that the worker has, for its reader's polling.
	due atomic.Int64

	// awaited wakes the reader: there is something to wait for in the pipe. Until
	// then it waits here, for to park in the poller costs a wake-up by the kernel.
	awaited chan struct{}
	exited  atomic.Bool // the host has ended

	// reap guards the ledger's memory against the end of the worker.
	reap   sync.Mutex
	buried bool

	// The rest belongs to the pool's mutex.

	ready    bool // it has said hello
	readyAt  time.Time
	dead     bool // its end has been noticed
	leaving  bool // its pipe has been closed: it ends when it has done its work
	flights  []flight
	head     int     // of flights
	sent     uint64  // number of the next item to be sent
	received uint64  // number of the next item to come back
	bytes    int     // of the flights' frames
	load     float64 // nanoseconds of work that they are expected to be
	stalled  bool    // it has not taken up a call for long: others are preferred
	slow     bool    // it has been on one item for long: nothing is queued behind that
	encoding bool    // somebody encodes a chunk for it
	out      []byte  // frames that have not been written
	spare    []byte  // the other buffer
	urgent   bool    // out has a call that an idle worker waits for
	writing  bool    // somebody writes
	drains   sync.WaitGroup

	watch stall
}

// A flight is a chunk that a worker has.
type flight struct {
	b      *batch
	lo, hi int     // items of the batch that have not come back
	first  uint64  // number of item lo
	bytes  int     // of its frame
	each   float64 // nanoseconds that an item is expected to take
	// killAt is when to kill the worker if it still runs this flight, whose batch
	// was interrupted. Zero: never.
	killAt time.Time
}

// end is the number behind the flight's last item.
func (f *flight) end() uint64 { return f.first + uint64(f.hi-f.lo) }

// current returns the flight of the item that the worker runs, or will run next;
// nil if all that it has is done. The caller holds mu.
func (w *worker) current() *flight {
	done := w.ledger.Done()
	for i := w.head; i < len(w.flights); i++ {
		if f := &w.flights[i]; f.first <= done && done < f.end() {
			return f
		}
	}
	return nil
}

// host is what a worker runs in: a process, or a goroutine of this one.
type host interface {
	name() string
	pid() int
	// cancel ends the context of the call that has the item.
	cancel(number uint64)
	// kill ends the host without asking it.
	kill()
	// bury waits for the end of the host, whose results have ended, and returns
	// the error for the task that it ran. A host that does not end is killed.
	bury() *WorkerDiedError
	// release gives back what is left of it.
	release()
}

// dismiss ends a worker that is not needed any more. One with work is killed if
// hard. The caller holds mu.
func (p *Pool) dismiss(w *worker, hard bool) {
	if w.dead {
		return
	}
	if hard && w.busy() {
		w.host.kill()
		return
	}
	if !w.leaving {
		w.leaving = true
		_ = w.tasks.Close()
		w.watch.leaveBy = time.Now().Add(leaveTime)
		p.keeper.wake()
	}
}

// leaveTime is how long a worker that was told to end may take.
const leaveTime = 5 * time.Second

func (w *worker) busy() bool { return w.head < len(w.flights) }

// running returns the flight of the item that the worker runs, nil if it runs
// none. Flights before it may have finished, with their results on the way. The
// caller holds mu.
func (w *worker) running() *flight {
	started := w.ledger.Started()
	if started <= w.received || started <= w.ledger.Done() {
		return nil
	}
	for i := w.head; i < len(w.flights); i++ {
		if f := &w.flights[i]; f.first < started && started <= f.end() {
			return f
		}
	}
	return nil
}

// read takes results until the worker has ended, and cleans up behind it. It is
// the worker's goroutine.
func (w *worker) read() {
	var err error
	for err == nil {
		for w.due.Load() == 0 && !w.exited.Load() {
			<-w.awaited
		}
		if w.exited.Load() {
			_ = w.results.SetDeadline(time.Now().Add(drainFor))
		}
		var f ipc.Frame
		if f, err = w.results.Next(); err == nil {
			err = w.handle(f)
		}
	}
	w.end(err)
}

// await has the reader read.
func (w *worker) await() {
	select {
	case w.awaited <- struct{}{}:
	default:
	}
}

// drainFor bounds how long the reader waits for each frame after the host has
// ended. All that it has written is in the pipe by then; only a foreign process
// that has got hold of the pipe could keep its end from showing.
const drainFor = time.Second

// gone tells the reader that the host has ended.
func (w *worker) gone() {
	w.exited.Store(true)
	_ = w.results.SetDeadline(time.Now().Add(drainFor))
	w.await()
}

// handle takes a frame from the worker.
func (w *worker) handle(f ipc.Frame) error {
	switch f.Kind {
	case ipc.KindResult:
		count, elapsed, body, err := ledger.ParseResult(f.Body)
		if err != nil {
			return err
		}
		return w.deliver(f.Number, count, time.Duration(elapsed), body, f.Owned)
	case ipc.KindError:
		failure, err := task.Decode(f.Body)
		if err != nil {
			return err
		}
		return w.deliverFailure(f.Number, failure)
	}
	return fmt.Errorf("frame of kind %d among the results: %w", f.Kind, ipc.ErrProtocol)
}

// end cleans up behind a worker whose results have ended.
func (w *worker) end(why error) {
	p := w.pool
	p.mu.Lock()
	leaving := w.leaving
	p.mu.Unlock()
	if errors.Is(why, ipc.ErrProtocol) {
		w.host.kill()
	}
	died := w.host.bury()
	w.recover(math.MaxUint64)
	p.mu.Lock()
	w.dead = true
	w.watch.leaveBy = time.Time{}
	p.workers = remove(p.workers, w)
	p.idle = remove(p.idle, w)
	expected, reason := leaving && !w.busy() || p.state == closing, w.watch.reason
	// One that ends by itself before it has run anything would do so again.
	stillborn := w.ledger.Started() == 0 && reason == nil && time.Since(w.readyAt) < maxPause
	p.mu.Unlock()
	w.abandon(died)
	w.bury()
	w.transit.Close()
	w.host.release()
	w.drains.Wait()
	if !expected {
		what := "pool worker died"
		if reason != nil {
			what = "pool worker was killed for the task that it ran"
		}
		p.log(slog.LevelWarn, what, "worker", died.Worker, "pid", died.PID,
			"exit_code", died.ExitCode, "cause", string(died.Cause), "reason", fmt.Sprint(reason), "stream", fmt.Sprint(why))
		p.replace(stillborn, died)
	}
	p.alive.Done()
}

// bury cuts the worker off its ledger, whose memory goes with the host.
func (w *worker) bury() {
	w.reap.Lock()
	defer w.reap.Unlock()
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	w.buried = true
	w.ledger = noLedger()
}

// noLedger is that of all workers that are no more: nothing was started.
var noLedger = sync.OnceValue(func() *ledger.Ledger {
	l, err := ledger.New(make([]byte, ledger.Size))
	if err != nil {
		panic(err) // the size is right
	}
	return l
})

func remove(list []*worker, w *worker) []*worker {
	for i := range list {
		if list[i] == w {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}
