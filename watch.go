package mp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/death"
	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/task"
)

// drainFor bounds how long the parent reads on after a child has ended. All that
// the child has written is in the pipe by then; only a foreign process that has
// got hold of the pipe could keep its end from showing.
const drainFor = time.Second

// reports is what a child has told about itself.
type reports struct {
	hello   bool
	refused string
	result  []byte
	failure *task.Failure
	timeout bool // no hello in time
}

// watch follows a child to its end. It owns proc from there on.
func (p *Process) watch(proc *spawn.Process) {
	told := make(chan reports, 1)
	ended := new(atomic.Bool)
	go func() { told <- listen(proc, ended) }()
	exit := proc.Wait()
	ended.Store(true)
	_ = proc.Reports.SetDeadline(time.Now().Add(drainFor))
	r := <-told
	remains := death.Remains{Exit: exit, ByUs: proc.Signalled(exit.Signal)}
	if remains.Code() != 0 {
		remains.LastWords = proc.LastWords()
	}
	p.mu.Lock()
	p.output = r.result
	p.mu.Unlock()
	p.end(p.outcome(r, remains), remains.Code())
	active.mu.Lock()
	delete(active.set, p)
	active.mu.Unlock()
	proc.Release()
	close(p.freed)
}

// end publishes that the process has ended.
func (p *Process) end(err error, code int) {
	p.mu.Lock()
	p.state, p.err, p.code, p.exited = stopped, err, code, true
	p.mu.Unlock()
	close(p.done)
}

// listen reads what the child says until it has nothing more to say. A child
// that does not say hello in time is killed; ended says that it has ended.
func listen(proc *spawn.Process, ended *atomic.Bool) (r reports) {
	_ = proc.Reports.SetDeadline(time.Now().Add(spawn.HandshakeTimeout))
	for last := false; ; {
		f, err := proc.Reports.Next()
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return r
		case ended.Load() && !last: // this process may have been stopped: look once more
			last = true
			_ = proc.Reports.SetDeadline(time.Now().Add(drainFor))
			continue
		default:
			if !r.hello && !ended.Load() {
				r.timeout = true
				_ = proc.Signal(syscall.SIGKILL)
			}
			return r
		}
		switch f.Kind {
		case ipc.KindHello:
			r.hello = true
			_ = proc.Reports.SetDeadline(time.Time{})
		case ipc.KindRefuse:
			r.refused = string(f.Body)
		case ipc.KindResult:
			r.result = append([]byte{}, f.Body...)
		case ipc.KindReport:
			if failure, err := task.Decode(f.Body); err == nil {
				r.failure = failure
			}
		}
	}
}

// outcome makes the error of an end, nil if all was well.
func (p *Process) outcome(r reports, remains death.Remains) error {
	e := &ExitError{
		Name:      p.Name,
		PID:       p.pid,
		Code:      remains.Code(),
		Signal:    remains.Exit.Signal,
		LastWords: remains.LastWords,
	}
	if r.failure != nil {
		e.Remote = newRemoteError(r.failure, p.Name, p.pid).(*RemoteError)
	}
	switch {
	case !r.hello && !r.timeout && r.refused == "" && remains.Exit.Signal != 0 && remains.ByUs:
		e.Cause = CauseKilled
	case !r.hello:
		e.Cause, e.Reason = CauseStart, startFailure(r, remains)
	case remains.Exit.Known && remains.Exit.Signal == 0 && remains.Exit.Code == 0:
		return nil
	case e.Remote != nil && e.Remote.Panic:
		e.Cause = CausePanic
	case e.Remote != nil && p.wasStopped() && errors.Is(e.Remote, context.Canceled):
		e.Cause = CauseKilled
	case e.Remote != nil:
		e.Cause = CauseError
	default:
		e.Cause = Cause(remains.Kind().String())
	}
	return e
}

// wasStopped says whether this process has asked the child to end.
func (p *Process) wasStopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopping
}

// startFailure explains why a child did not get as far as its task.
func startFailure(r reports, remains death.Remains) string {
	switch {
	case r.refused != "":
		return r.refused
	case r.timeout:
		return fmt.Sprintf("it did not reach mp.Init within %v: mp.Init has to be the first statement of main (and of TestMain), also in a child", spawn.HandshakeTimeout)
	case remains.Exit.Signal != 0:
		return fmt.Sprintf("signal %d (%v) ended it before it reached mp.Init", int(remains.Exit.Signal), remains.Exit.Signal)
	case remains.LastWords != "":
		return "it crashed before it was ready"
	}
	return fmt.Sprintf("it exited with code %d before it reached mp.Init: mp.Init has to be the first statement of main (and of TestMain), also in a child", remains.Exit.Code)
}
