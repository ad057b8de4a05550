package mp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/task"
	"github.com/multiproc/mp/internal/travel"
	"github.com/multiproc/mp/internal/worker"
)

// serve is the life of a child: it does what its parent has asked for, and
// exits.
func serve(in *spawn.Inheritance) {
	task.Close()
	s, err := in.Setup()
	if err == nil && s.Tasks != task.Sum() {
		err = errors.New("the child has other tasks than its parent: declare tasks as package-level variables, not under conditions")
	}
	if err != nil {
		in.Refuse(err)
	}
	ctx, cancel, orphan := adopt(s)
	if s.MaxProcs > 0 {
		runtime.GOMAXPROCS(s.MaxProcs)
	}
	initialized.Store(true)
	switch s.Role {
	case spawn.Target:
		stopped := new(atomic.Bool)
		go followParent(in.Control, s.Daemon, orphan, func(f ipc.Frame) {
			if f.Kind == ipc.KindStop {
				stopped.Store(true)
				cancel()
			}
		})
		if err := in.Send(ipc.KindHello, nil); err != nil && (s.Daemon || s.Result) {
			os.Exit(1) // the parent is gone, which does not matter to others
		}
		runTarget(ctx, in, s, stopped)
	case spawn.Worker:
		runWorker(in, s, orphan)
	case spawn.Tracker:
		runTracker(in)
	case spawn.Store:
		runStore(in)
	default:
		in.Refuse(fmt.Errorf("the parent asks for role %d, which this process does not have", s.Role))
	}
}

// followParent reads the control pipe until its end, which is the end of the
// parent. A daemon does not live on.
func followParent(control *ipc.Reader, daemon bool, orphan func(), handle func(ipc.Frame)) {
	for {
		f, err := control.Next()
		if err != nil {
			if daemon {
				sys.KillSelf()
			}
			orphan()
			return
		}
		handle(f)
	}
}

// runTarget runs the task of a Process, and exits. stopped says whether the
// parent has asked for that.
func runTarget(ctx context.Context, in *spawn.Inheritance, s *spawn.Setup, stopped *atomic.Bool) {
	def, err := task.Lookup(s.Func)
	if err != nil {
		in.Refuse(err)
	}
	custody := task.Custody{Arrived: func() { travel.Claim(s.Luggage) }}
	if s.Result {
		transit := travel.NewTransitSender(s.Transit)
		custody.Hold = func(c *codec.Codec, result []byte) error { return transit.Hold(0, c, result) }
	}
	def.Once(ctx, s.Arg, custody, func(result []byte, err error) {
		code := 0
		switch {
		case err != nil:
			code = 1
			failure := def.Failure(err)
			_ = in.Send(ipc.KindReport, failure.Encode())
			obeys := stopped.Load() && failure.Cancelled()
			if !s.Result && !obeys { // the parent's Run returns it, and its caller says it
				complain(fmt.Sprintf("mp: process %s (pid %d) failed: %s\n%s\n", s.Name, os.Getpid(), failure.Text, strings.TrimSpace(failure.Stack)))
			}
		case s.Result:
			_ = in.Send(ipc.KindResult, result)
		}
		leave(code)
	})
}

// complain writes to stderr. If nobody reads there any more, Go would end the
// process with SIGPIPE, and the functions given to OnExit would not be called.
func complain(text string) {
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)
	_, _ = os.Stderr.WriteString(text)
}

// runWorker serves the calls of a pool until the parent closes the pipe, and
// exits. The signals that a terminal or a service manager sends to the whole
// group are the parent's business; they are caught rather than ignored, because
// programs that a task runs would inherit that.
func runWorker(in *spawn.Inheritance, s *spawn.Setup, orphan func()) {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)
	l, err := in.Ledger()
	if err != nil {
		in.Refuse(err)
	}
	w := worker.New(worker.Config{
		In:      in.Tasks,
		Out:     in.Reports,
		Ledger:  l,
		Transit: s.Transit,
		Lookup: func(index int) (worker.Runner, error) {
			def, err := task.Lookup(index)
			if err != nil {
				return nil, err
			}
			return def.Runner(), nil
		},
		Failure: task.Encode,
		Lost:    func(error) { os.Exit(1) },
	})
	go followParent(in.Control, s.Daemon, orphan, func(f ipc.Frame) {
		if f.Kind == ipc.KindCancel {
			w.Cancel(f.Number)
		}
	})
	if err := in.Send(ipc.KindHello, nil); err != nil {
		os.Exit(1)
	}
	if err := w.Serve(); err != nil {
		fmt.Fprintf(os.Stderr, "mp: pool worker %s (pid %d): %v\n", s.Name, os.Getpid(), err)
		leave(1)
	}
	leave(0)
}
