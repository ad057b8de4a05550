package mp

import (
	"fmt"
	"time"

	"github.com/multiproc/mp/internal/death"
	"github.com/multiproc/mp/internal/spawn"
)

// watch follows a child to its end. It owns proc from there on.
//
// A child says hello and, if its target fails, why: both fit into a pipe of the
// usual size, so they are read when it has ended. To be woken for the hello would cost
// as much as a tenth of the start. The result of Run can be of any size and is read as
// it comes.
func (p *Process) watch(proc *spawn.Process) {
	l := &listener{proc: proc}
	if p.result || proc.Room < spawn.UsualRoom {
		l.follow()
	}
	hello := time.AfterFunc(spawn.HandshakeTimeout, l.demandHello)
	exit := proc.Wait()
	hello.Stop()
	r := l.rest()
	remains := death.Remains{Exit: exit, ByUs: proc.Signalled(exit.Signal)}
	if remains.Code() != 0 {
		remains.LastWords = proc.LastWords()
	}
	p.mu.Lock()
	p.output = r.result
	luggage := p.luggage
	p.luggage = nil
	p.mu.Unlock()
	luggage.Close()
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
	case e.Remote != nil && p.wasStopped() && r.failure.Cancelled():
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
