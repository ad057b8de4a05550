package mp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/multiproc/mp/internal/bridge"
	"github.com/multiproc/mp/internal/cpu"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/task"
)

// initialized says that Init has run, so that processes can be started.
var initialized atomic.Bool

var initOnce sync.Once

// Init makes the program ready to start processes. It has to be the first
// statement of main, and of TestMain in tests: in a child it does the child's
// work and exits, and never returns. In the parent it checks all declared tasks,
// once, and panics with a list of everything that is wrong with them.
func Init() {
	if in := spawn.Child(); in != nil && !initialized.Load() {
		serve(in)
	}
	initOnce.Do(func() {
		if err := task.Freeze(); err != nil {
			panic(fmt.Sprintf("mp: the declared tasks cannot be used:\n%v", err))
		}
		initialized.Store(true)
	})
}

// ready returns an error if Init has not run. It begins with who, as "mp: NewLock".
func ready(who string) error {
	if initialized.Load() {
		return nil
	}
	return fmt.Errorf("%s: %w; package initialisation is too early to start processes", who, ErrNotInitialized)
}

// Main is a whole main function: it calls Init, runs run, kills the daemons, closes
// the pools, whose queued work is dropped, waits for the other children, however long
// that takes, runs the functions given to OnExit, and exits: with 0, or with 1 and the
// error on stderr if run returned one. The context of run ends at the first SIGINT or
// SIGTERM, of which children are not told; the exit code is then 130 or 143 unless run
// returns nil. A second signal ends the program at once.
func Main(run func(ctx context.Context) error) {
	Init()
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	code := make(chan int, 1)
	go func() {
		sig := <-signals
		signal.Stop(signals) // the next one has its usual effect
		code <- 128 + int(sig.(syscall.Signal))
		cancel()
	}()
	err := run(ctx)
	if err == nil {
		leave(0)
	}
	select {
	case c := <-code:
		if !errors.Is(err, context.Canceled) { // of which the signal is the cause
			fmt.Fprintln(os.Stderr, err)
		}
		leave(c)
	default:
		fmt.Fprintln(os.Stderr, err)
		leave(1)
	}
}

// Exit ends the process like os.Exit, after the functions given to OnExit.
// Daemons are ended first, and pools; other children go on.
func Exit(code int) {
	endDaemons()
	end(code)
}

// leave ends the process in good order.
func leave(code int) {
	endDaemons()
	joinChildren()
	end(code)
}

// CPUCount returns how many CPUs this process may use: those of its affinity
// mask, and no more than the quota of its control groups. It is at least 1.
func CPUCount() int { return cpu.Count() }

func init() {
	bridge.TaskDef = func(t any) *task.Def {
		if d, ok := t.(interface{ definition() *task.Def }); ok {
			return d.definition()
		}
		return nil
	}
	bridge.CallBound = func(c any) *task.Bound {
		if c, ok := c.(AnyCall); ok {
			return c.call()
		}
		return nil
	}
	bridge.RemoteError = newRemoteError
	bridge.Ready = ready
	bridge.Identify = identify
	bridge.AtExit = atExit
}
