package pool

import (
	"strings"
	"syscall"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/bridge"
	"github.com/multiproc/mp/internal/death"
	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/task"
)

// processHost is a worker process.
type processHost struct {
	proc   *spawn.Process
	exited chan struct{}
	exit   sys.Exit
}

// openProcess starts a worker process.
func openProcess(w *worker) error {
	share := max(int(w.pool.cpus)/w.pool.opts.Workers, 1)
	c := &spawn.Command{Setup: spawn.Setup{
		Role:     spawn.Worker,
		Daemon:   true,
		Tasks:    task.Sum(),
		MaxProcs: share,
		Transit:  w.transit.Reference(),
	}}
	c.Pipe = pipeSize(w.pool.opts.Workers)
	bridge.Identify(&c.Setup)
	proc, err := spawn.Start(c)
	if err != nil {
		return err
	}
	h := &processHost{proc: proc, exited: make(chan struct{})}
	w.host, w.results, w.tasks, w.ledger = h, proc.Reports, proc.Tasks, proc.Ledger
	go func() {
		h.exit = proc.Wait()
		close(h.exited)
		w.gone()
	}()
	return nil
}

const (
	// largePipe is what the pipes of a few workers get, smallPipe what every pipe
	// has anyway.
	largePipe = 1 << 20
	smallPipe = 64 << 10
	// pipeShare bounds the pipes of a pool: the system gives all programs of a user
	// 64 MiB of pipes, and beyond that two pages to each new one.
	pipeShare = 32 << 20
)

// pipeSize returns the size to ask for each of a worker's two large pipes, a power
// of two; 0 means not to ask.
func pipeSize(workers int) int {
	size := largePipe
	for size > smallPipe && 2*workers*size > pipeShare {
		size /= 2
	}
	if size <= smallPipe {
		return 0
	}
	return size
}

func (h *processHost) name() string { return h.proc.Name }
func (h *processHost) pid() int     { return h.proc.PID }
func (h *processHost) kill()        { _ = h.proc.Signal(syscall.SIGKILL) }

func (h *processHost) cancel(number uint64) {
	frame, _ := ipc.AppendFrame(nil, ipc.KindCancel, number, nil)
	h.proc.Tell(frame)
}

// dieAlone is how long a process may take to end after its results have ended.
const dieAlone = time.Second

func (h *processHost) bury() *WorkerDiedError {
	select {
	case <-h.exited:
	case <-time.After(dieAlone): // it has closed the pipe and lives on
		h.kill()
		<-h.exited
	}
	remains := death.Remains{Exit: h.exit, LastWords: h.proc.LastWords(), ByUs: h.proc.Signalled(h.exit.Signal)}
	return &WorkerDiedError{
		Worker:    h.proc.Name,
		PID:       h.proc.PID,
		ExitCode:  remains.Code(),
		Signal:    h.exit.Signal,
		Cause:     mp.Cause(remains.Kind().String()),
		LastWords: strings.TrimSpace(remains.LastWords),
	}
}

func (h *processHost) release() {
	h.proc.Release()
	h.proc.Unmap()
}
