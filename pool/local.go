package pool

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/task"
	wire "github.com/multiproc/mp/internal/worker"
)

// localHost runs a worker's side on a goroutine of this process, with pipes and
// a ledger like those of a process.
type localHost struct {
	worker *wire.Worker
	tasks  *ipc.Writer
	// results is what the pool reads; theirs are the other ends.
	results *ipc.Reader
	theirs  []io.Closer
	memory  []byte
	ended   chan struct{}
	once    sync.Once
	gone    func() // tells the pool's side
	label   string
}

// openLocal starts a worker on a goroutine.
func openLocal(w *worker) (err error) {
	h := &localHost{ended: make(chan struct{})}
	defer func() {
		if err != nil {
			h.release()
		}
	}()
	taskR, taskW, err := sys.Pipe()
	if err != nil {
		return err
	}
	h.theirs = append(h.theirs, taskR)
	if h.tasks, err = ipc.NewWriter(taskW); err != nil {
		return err
	}
	resultR, resultW, err := sys.Pipe()
	if err != nil {
		return err
	}
	h.theirs = append(h.theirs, resultW)
	if h.results, err = ipc.NewReader(resultR); err != nil {
		return err
	}
	in, err := ipc.NewReader(taskR)
	if err != nil {
		return err
	}
	out, err := ipc.NewWriter(resultW)
	if err != nil {
		return err
	}
	h.theirs = []io.Closer{in, out}
	// Outside the Go heap, as that of a process is.
	if h.memory, err = sys.MapAnonymous(ledger.Size); err != nil {
		return err
	}
	l, err := ledger.New(h.memory)
	if err != nil {
		return err
	}
	h.worker = wire.New(wire.Config{
		In: in, Out: out, Ledger: l, Failure: task.Encode, Transit: w.transit.Reference(),
		Lookup: func(index int) (wire.Runner, error) {
			def, err := task.Lookup(index)
			if err != nil {
				return nil, err
			}
			return def.Runner(), nil
		},
	})
	h.label = fmt.Sprintf("local worker of %s", mp.Self().Name)
	hello, _ := ipc.AppendFrame(nil, ipc.KindHello, 0, nil)
	if _, err := out.TryWrite(hello); err != nil {
		return err
	}
	h.gone = w.gone
	w.host, w.results, w.tasks, w.ledger = h, h.results, h.tasks, l
	go func() {
		_ = h.worker.Serve()
		in.Close()
		out.Close()
		close(h.ended)
		w.gone()
	}()
	return nil
}

func (h *localHost) name() string         { return h.label }
func (h *localHost) pid() int             { return os.Getpid() }
func (h *localHost) cancel(number uint64) { h.worker.Cancel(number) }

// kill abandons the goroutine: it cannot be stopped, but nobody listens to it
// any more, and it ends with the task that it runs.
func (h *localHost) kill() {
	h.once.Do(func() {
		h.results.Close()
		for _, f := range h.theirs {
			f.Close()
		}
		h.gone()
	})
}

func (h *localHost) bury() *WorkerDiedError {
	return &WorkerDiedError{Worker: h.label, PID: os.Getpid(), Cause: mp.CauseKilled, ExitCode: -1}
}

func (h *localHost) release() {
	if h.tasks != nil {
		h.tasks.Close()
	}
	if h.results != nil {
		h.results.Close()
	}
	if h.worker == nil {
		for _, f := range h.theirs {
			f.Close()
		}
		close(h.ended)
	}
	select {
	case <-h.ended:
		h.unmap()
	default: // abandoned: it still uses its memory
		go func() {
			<-h.ended
			h.unmap()
		}()
	}
}

func (h *localHost) unmap() {
	if h.memory != nil {
		_ = sys.Unmap(h.memory)
	}
}
