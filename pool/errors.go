package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/death"
)

// What can be wrong with a call, whatever its task.
var (
	// ErrShutdown: the pool takes no more calls, for Shutdown or Close has been
	// called.
	ErrShutdown = errors.New("pool: shut down")
	// ErrClosed: Close has thrown the task away. It is what the task ends with, and does
	// not match mp.ErrClosed.
	ErrClosed = errors.New("pool: closed before the task had ended")
	// ErrCancelled: Future.Cancel has ended the task. It matches
	// context.Canceled.
	ErrCancelled error = cancelled{}
	// ErrBroken: no worker can be started any more, so the pool has given up. The
	// error has the reason of the last attempt.
	ErrBroken = errors.New("pool: broken: its workers cannot be started")
	// ErrNoPool: the pool is nil, or a zero Pool.
	ErrNoPool = errors.New("pool: not a pool; make one with pool.New")
	// ErrNotDone: the future has not ended.
	ErrNotDone = errors.New("pool: task has not ended yet")

	errNoFuture = errors.New("pool: a nil Future has no task; make one with pool.Submit or pool.MapAsync")
)

type cancelled struct{}

func (cancelled) Error() string        { return "pool: task was cancelled" }
func (cancelled) Is(target error) bool { return target == context.Canceled }

// A TaskError says which item of a Map or Imap failed.
type TaskError struct {
	Index int // of the item in the input
	Err   error
}

// Error returns the index and the item's error.
func (e *TaskError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("pool: item %d failed", e.Index)
	}
	text := strings.TrimPrefix(strings.TrimPrefix(e.Err.Error(), "pool: "), "mp: ")
	return fmt.Sprintf("pool: item %d: %s", e.Index, text)
}

// Unwrap returns the item's error.
func (e *TaskError) Unwrap() error { return e.Err }

// A WorkerDiedError is the error of a task whose worker died while it ran, and
// not because of this pool.
type WorkerDiedError struct {
	Worker   string // the name of the process
	PID      int
	ExitCode int            // n for os.Exit(n), -N for signal N
	Signal   syscall.Signal // 0: none
	Cause    mp.Cause
	// LastWords is what the Go runtime wrote when the worker crashed: the panic or
	// fatal error and the stacks, at most 16 KiB.
	LastWords string
	// Attempts is how often the task has been run: 1 without Retries.
	Attempts int
}

// Error says who died, and how.
func (e *WorkerDiedError) Error() string {
	how := fmt.Sprintf("exited with code %d", e.ExitCode)
	if e.Signal != 0 {
		how = fmt.Sprintf("was ended by signal %d (%v)", int(e.Signal), e.Signal)
	}
	if e.Cause == mp.CauseOutOfMemory {
		how += ", out of memory"
	}
	text := fmt.Sprintf("pool: worker %s (pid %d) %s while it ran the task", e.Worker, e.PID, how)
	if e.Attempts > 1 {
		text += fmt.Sprintf(" (attempt %d)", e.Attempts)
	}
	if words := death.FirstLine(e.LastWords); words != "" {
		text += ": " + words
	}
	return text
}

// A TimeoutError is the error of a task that had to be killed after its time
// limit. It matches mp.ErrTimeout and context.DeadlineExceeded.
type TimeoutError struct {
	Limit  time.Duration
	Worker string // the name of the process that was killed
	PID    int
}

// Error names the limit and the process.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("pool: task exceeded its time limit of %v; its worker %s (pid %d) was killed", e.Limit, e.Worker, e.PID)
}

// Timeout is always true.
func (e *TimeoutError) Timeout() bool { return true }

// Is matches mp.ErrTimeout and context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool {
	return target == mp.ErrTimeout || target == context.DeadlineExceeded
}

// An AbandonedError says that Close has thrown work away.
type AbandonedError struct {
	Tasks int // how many tasks had not ended
}

// Error counts the tasks.
func (e *AbandonedError) Error() string {
	if e.Tasks == 1 {
		return "pool: closed with a task that had not ended; Shutdown waits for it"
	}
	return fmt.Sprintf("pool: closed with %d tasks that had not ended; Shutdown waits for them", e.Tasks)
}
