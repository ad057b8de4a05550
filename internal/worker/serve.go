package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/travel"
)

// trimAfter is how long a worker is idle before it gives memory back to the
// system.
const trimAfter = time.Second

// A Worker serves calls.
type Worker struct {
	in     *ipc.Reader
	lookup func(index int) (Runner, error)
	fail   func(error) []byte
	runner Runner // of the current call
	stage  Stage

	// current is the call that runs, for the control goroutine.
	current atomic.Pointer[running]

	skipping bool // a claim has failed: calls are dropped until the resume frame
	trim     *time.Timer
	ended    chan error
}

// running is the call that runs at the moment.
type running struct {
	first uint64
	items int
	ctx   *callContext
}

// Config says what a Worker works with.
type Config struct {
	In     *ipc.Reader // calls
	Out    *ipc.Writer // results
	Ledger *ledger.Ledger
	// Transit is the reference to what holds the objects that results refer to.
	Transit []byte
	// Lookup finds a function by its index.
	Lookup func(index int) (Runner, error)
	// Failure encodes an error as the body of an error frame.
	Failure func(error) []byte
	// Lost ends the process: results cannot be written any more. Nil means that
	// the worker goes on, and results are dropped.
	Lost func(error)
}

// New returns a worker. Serve sets it to work.
func New(c Config) *Worker {
	w := &Worker{in: c.In, lookup: c.Lookup, fail: c.Failure, ended: make(chan error, 1)}
	w.stage = Stage{ledger: c.Ledger, box: ledger.NewOutbox(c.Ledger), out: c.Out, Marks: c.Ledger.Marks(), onLost: c.Lost, transit: travel.NewTransitSender(c.Transit)}
	w.trim = time.AfterFunc(time.Hour, debug.FreeOSMemory)
	w.trim.Stop()
	w.in.Poll = func() bool { return true }
	w.in.BeforeWait = func() {
		w.stage.Flush()
		w.trim.Reset(trimAfter)
	}
	return w
}

// Serve runs calls until the parent closes the pipe, and returns nil then; any
// other end of the pipe is an error. The items run on goroutines of the worker:
// one that ends its own (runtime.Goexit) is replaced.
func (w *Worker) Serve() error {
	go w.loop()
	return <-w.ended
}

// loop reads and runs calls. If an item ends the goroutine, a new one takes
// over with the rest of the call.
func (w *Worker) loop() {
	returned := false
	defer func() {
		if !returned {
			go w.loop()
		}
	}()
	err := w.finishCurrent()
	for err == nil {
		err = w.step()
	}
	returned = true
	w.stage.Flush()
	w.in.BeforeWait = nil
	w.trim.Stop()
	w.stage.transit.Close()
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
		err = nil
	}
	w.ended <- err
}

// finishCurrent goes on with a call whose goroutine was ended by an item.
func (w *Worker) finishCurrent() error {
	now := w.current.Load()
	if now == nil {
		return nil
	}
	if w.stage.Next < w.stage.Items {
		return w.run()
	}
	w.end()
	return nil
}

// step takes one frame.
func (w *Worker) step() error {
	f, err := w.in.Next()
	if err != nil {
		return err
	}
	w.trim.Stop()
	switch f.Kind {
	case ipc.KindCall:
		if w.skipping {
			return nil
		}
		return w.call(f)
	case ipc.KindResume:
		epoch, err := ParseResume(f.Body)
		if err != nil {
			return err
		}
		// An older epoch: the gate was closed again meanwhile, and another resume
		// frame is on its way.
		if epoch == w.stage.ledger.Epoch() {
			w.stage.epoch, w.skipping = epoch, false
		} else {
			w.skipping = true
		}
		return nil
	}
	return fmt.Errorf("frame of kind %d among the calls: %w", f.Kind, ipc.ErrProtocol)
}

// call runs the items of a call.
func (w *Worker) call(f ipc.Frame) error {
	c, args, err := ParseCall(f.Body)
	if err != nil {
		return err
	}
	ctx := new(callContext)
	if c.Remaining > 0 {
		ctx.deadline = time.Now().Add(c.Remaining)
	}
	w.stage.begin(c, f.Number, args, ctx)
	w.current.Store(&running{first: f.Number, items: c.Items, ctx: ctx})
	runner, err := w.lookup(c.Func)
	if err != nil {
		w.failAll(err)
		w.end()
		return w.stage.lost
	}
	w.runner = runner
	return w.run()
}

// run runs what is left of the current call.
func (w *Worker) run() error {
	w.runner.Run(&w.stage)
	w.skipping = w.stage.Next < w.stage.Items
	w.end()
	return w.stage.lost
}

// end closes the current call.
func (w *Worker) end() {
	w.current.Store(nil)
	w.stage.finish()
}

// failAll fails every item of a call that cannot be run.
func (w *Worker) failAll(err error) {
	s := &w.stage
	failure := w.fail(err)
	for s.Next < s.Items {
		limit := s.Claim()
		if limit == s.Next {
			w.skipping = true
			return
		}
		for s.Next < limit {
			*s.Marks.Started = s.First + uint64(s.Next) + 1
			s.Fail(failure)
		}
	}
}

// Cancel ends the context of the call that has the item, if it still runs. The
// parent names the item, so that a cancel that comes late hits nobody else.
func (w *Worker) Cancel(number uint64) {
	now := w.current.Load()
	if now != nil && number >= now.first && number-now.first < uint64(now.items) {
		now.ctx.cancel(context.Canceled)
	}
}

func since(t time.Time) time.Duration { return max(time.Since(t), 0) }
