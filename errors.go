package mp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/multiproc/mp/internal/death"
	"github.com/multiproc/mp/internal/fdstore"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/task"
)

// What can be wrong with a call, whatever it was to do.
var (
	// ErrNotInitialized: something was started before Init had run in this
	// process.
	ErrNotInitialized = errors.New("mp.Init has not run: call it as the first statement of main (and of TestMain)")
	// ErrNotRegistered: the child does not know the task.
	ErrNotRegistered = task.ErrNotRegistered
	// ErrNotStarted: the process has not been started.
	ErrNotStarted = errors.New("has not been started")
	// ErrStarted: the process has been started before; make a new one.
	ErrStarted = errors.New("has been started already")
	// ErrRunning: the process still runs.
	ErrRunning = errors.New("is still running")
	// ErrClosed: the thing has been closed, or the queue has been shut down.
	ErrClosed = shm.ErrClosed
	// ErrInUse: a handle cannot be closed, because this process has the lock, or
	// memory, of it in use.
	ErrInUse = shm.ErrInUse
	// ErrGone: a handle has arrived on an object that all who had it have closed.
	ErrGone = shm.ErrGone
	// ErrKind: a handle has arrived on an object of another kind or type than that of
	// the field that it was to be put into.
	ErrKind = shm.ErrKind
	// ErrNoMemory: the machine, or a control group, has not enough memory left for a
	// shared object.
	ErrNoMemory = shm.ErrNoMemory
	// ErrNoRoom: a file, socket or connection cannot be sent, because as many are under
	// way in the family as the process that keeps them may have open. Nothing has been
	// sent; try again when some have been received.
	ErrNoRoom = fdstore.ErrNoRoom
	// ErrDescriptorLost: a message has arrived, but the file, socket or connection in it
	// has not, because the process that kept it under way was killed. The message is
	// gone; who has another copy of the file can send it anew.
	ErrDescriptorLost = fdstore.ErrLost
)

// ErrTimeout is matched by the error of a task that ran out of its time limit, and of
// a wait, for a lock or an item, say, that the deadline of its context has ended. It
// matches context.DeadlineExceeded as well, which is what to ask for in general: who
// waits for a task or a process (Run, Process.Join, pool.Future.Get), or comes with a
// context that has ended, gets the error of the context as it is.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "time limit exceeded" }
func (timeoutError) Timeout() bool { return true }
func (timeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded
}

func init() {
	task.Sentinels = func() map[string]error {
		return map[string]error{
			"mp.ErrNotInitialized":   ErrNotInitialized,
			"mp.ErrNotRegistered":    ErrNotRegistered,
			"mp.ErrNotStarted":       ErrNotStarted,
			"mp.ErrStarted":          ErrStarted,
			"mp.ErrRunning":          ErrRunning,
			"mp.ErrClosed":           ErrClosed,
			"mp.ErrInUse":            ErrInUse,
			"mp.ErrTimeout":          ErrTimeout,
			"mp.ErrUnlocked":         ErrUnlocked,
			"mp.ErrNotOwner":         ErrNotOwner,
			"mp.ErrReleasedTooOften": ErrReleasedTooOften,
			"mp.ErrBrokenBarrier":    ErrBrokenBarrier,
			"mp.ErrFull":             ErrFull,
			"mp.ErrEmpty":            ErrEmpty,
			"mp.ErrNotTaken":         ErrNotTaken,
			"mp.ErrAuthentication":   ErrAuthentication,
			"mp.ErrNotShareable":     ErrNotShareable,
			"mp.ErrUnderway":         ErrUnderway,
			"mp.ErrBrokenFraming":    ErrBrokenFraming,
			"mp.ErrAddress":          ErrAddress,
			"mp.ErrGone":             ErrGone,
			"mp.ErrKind":             ErrKind,
			"mp.ErrNoMemory":         ErrNoMemory,
			"mp.ErrNoRoom":           ErrNoRoom,
			"mp.ErrDescriptorLost":   ErrDescriptorLost,
		}
	}
}

// RegisterError makes errors.Is recognise sentinel when it comes from another
// process, alone or wrapped. Call it while packages are initialised, with the
// same name and sentinel in every process. The sentinels of this package, the
// well-known ones of the packages context, io, io/fs and os, and syscall.Errno are
// registered already. It panics if the name is taken or empty, if the sentinel is nil
// or cannot be compared, and after Init, when other processes would not know the error.
func RegisterError(name string, sentinel error) { task.RegisterError(name, sentinel) }

// RegisterErrorType makes errors.As recover errors of type T, with their fields,
// when they come from another process. T has to be a type that can be an argument
// of a task, which *fs.PathError and its like cannot, for they have an error
// inside: of those, errors.Is finds the cause. Call it while packages are
// initialised; after Init it panics, and so it does for a T that cannot travel. Of the
// errors that one error wraps, those up to 16 KiB in all travel so.
func RegisterErrorType[T error]() { task.RegisterErrorType[T]() }

// A RemoteError is the error or panic of a task, as it came from its process.
// errors.Is and errors.As find the registered errors that it wrapped there. Text and
// Stack are cut at 16 KiB.
type RemoteError struct {
	Type  string // the type of the error, or of the panic's value
	Text  string // what its Error method said
	Stack string // of the goroutine that panicked; of an error, where the task is
	Panic bool   // it was a panic
	// Worker is the name of the process, and PID its number.
	Worker string
	PID    int

	causes []error
}

// Error returns the text of the remote error.
func (e *RemoteError) Error() string { return e.Text }

// Unwrap returns the registered errors that the remote error wrapped.
func (e *RemoteError) Unwrap() []error { return e.causes }

// Format writes the text; the verb %+v adds the process and the remote stack.
func (e *RemoteError) Format(f fmt.State, verb rune) {
	switch {
	case verb == 'v' && f.Flag('+'):
		fmt.Fprintf(f, "%s\n\nin process %s (pid %d), %s:\n%s", e.Text, e.Worker, e.PID, e.Type, e.Stack)
	case verb == 'q':
		fmt.Fprintf(f, "%q", e.Text)
	default:
		fmt.Fprint(f, e.Text)
	}
}

// newRemoteError makes the error of what a process has sent.
func newRemoteError(f *task.Failure, worker string, pid int) error {
	e := &RemoteError{
		Type:   f.Type,
		Text:   f.Text,
		Stack:  f.Stack,
		Panic:  f.Kind == task.Panicked,
		Worker: worker,
		PID:    pid,
		causes: f.Causes(),
	}
	if f.Kind == task.TimedOut {
		e.causes = append(e.causes, ErrTimeout)
	}
	return e
}

// Cause says why a process ended.
type Cause string

// The causes of an end.
const (
	CauseExit        Cause = "exit"          // it called os.Exit or Exit, or its target returned
	CauseError       Cause = "error"         // its target returned an error
	CausePanic       Cause = "panic"         // its target, or another goroutine, panicked, or the runtime crashed
	CauseSignal      Cause = "signal"        // a signal that did not come from this library
	CauseKilled      Cause = "killed"        // a signal of Interrupt, Terminate, Kill or Stop; a target that obeyed Stop; the end of a context
	CauseOutOfMemory Cause = "out of memory" // the runtime found no memory
	CauseStart       Cause = "start failed"  // it did not get as far as its task
)

// An ExitError says how a process ended that did not end well.
type ExitError struct {
	Name   string // of the process
	PID    int
	Code   int            // as Process.ExitCode: n, or -N for signal N
	Signal syscall.Signal // 0: none
	Cause  Cause
	// Remote is the error or panic of the target, if it could still say it.
	Remote *RemoteError
	// LastWords is what the Go runtime wrote when it crashed: the panic or fatal
	// error and the stacks, at most 16 KiB.
	LastWords string
	// Reason explains a start that failed.
	Reason string
}

// Error says which process ended, how, and why.
func (e *ExitError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mp: process %s (pid %d) ", e.Name, e.PID)
	switch {
	case e.Cause == CauseStart:
		fmt.Fprintf(&b, "failed to start: %s", e.Reason)
	case e.Remote != nil && e.Remote.Panic:
		fmt.Fprintf(&b, "panicked: %s", strings.TrimPrefix(e.Remote.Text, "panic: "))
	case e.Remote != nil:
		fmt.Fprintf(&b, "failed: %s", e.Remote.Text)
	case e.Signal != 0 && e.Cause == CauseKilled:
		fmt.Fprintf(&b, "was ended by signal %d (%v), sent by its parent", int(e.Signal), e.Signal)
	case e.Signal != 0:
		fmt.Fprintf(&b, "was ended by signal %d (%v)", int(e.Signal), e.Signal)
	default:
		fmt.Fprintf(&b, "exited with code %d", e.Code)
	}
	if words := death.FirstLine(e.LastWords); words != "" {
		fmt.Fprintf(&b, ": %s", words)
	}
	return b.String()
}

// Unwrap returns the error of the target.
func (e *ExitError) Unwrap() error {
	if e.Remote == nil {
		return nil
	}
	return e.Remote
}
