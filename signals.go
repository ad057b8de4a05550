package mp

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/spawn"
)

// termAfter is how long Stop waits, at most, for the end of the target's context
// to have an effect before it sends SIGTERM.
const termAfter = 3 * time.Second

// Interrupt sends SIGINT. A process that has ended already is no error; one that
// was not started is ErrNotStarted, a closed one ErrClosed.
func (p *Process) Interrupt() error { return p.signal(syscall.SIGINT) }

// Terminate sends SIGTERM, which ends a Go program unless it has asked for the
// signal. Its errors are those of Interrupt.
func (p *Process) Terminate() error { return p.signal(syscall.SIGTERM) }

// Kill sends SIGKILL. Its errors are those of Interrupt.
func (p *Process) Kill() error { return p.signal(syscall.SIGKILL) }

// signal goes through a pidfd, so that it never hits another process that has
// got the same pid meanwhile.
func (p *Process) signal(sig syscall.Signal) error {
	proc, err := p.child("signal")
	if err != nil {
		return err
	}
	return proc.Signal(sig)
}

// child returns the child process behind a started Process.
func (p *Process) child(verb string) (*spawn.Process, error) {
	if p == nil || p.shared == nil {
		return nil, errNoProcess
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.state == closed:
		return nil, fmt.Errorf("mp: %s: %s %w", verb, p.label(), ErrClosed)
	case p.state == initial:
		return nil, fmt.Errorf("mp: %s: %s %w", verb, p.label(), ErrNotStarted)
	case p.proc == nil:
		return nil, errors.New("mp: only a child of this process can be ended through its Process")
	}
	return p.proc, nil
}

// Stop ends the process in steps: it ends the context of the target; it sends
// SIGTERM after three seconds, or half of the time until ctx's deadline if that is
// shorter; and SIGKILL when ctx ends, so that a ctx without an end waits for ever for a
// process that minds neither. It returns nil when the process has ended,
// in whatever way, which Join can tell. If ctx has ended already, the process is
// killed at once. Its errors are those of Interrupt.
func (p *Process) Stop(ctx context.Context) error {
	proc, err := p.child("stop")
	if err != nil {
		return err
	}
	if ctx.Err() == nil {
		p.mu.Lock()
		p.stopping = true
		p.mu.Unlock()
		frame, _ := ipc.AppendFrame(nil, ipc.KindStop, 0, nil)
		proc.Tell(frame)
	}
	patience := termAfter
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	term := time.NewTimer(patience)
	defer term.Stop()
	for {
		select {
		case <-p.done:
			return nil
		case <-term.C:
			if err := proc.Signal(syscall.SIGTERM); err != nil {
				return err
			}
		case <-ctx.Done():
			if err := proc.Signal(syscall.SIGKILL); err != nil {
				return err
			}
			<-p.done
			return nil
		}
	}
}
