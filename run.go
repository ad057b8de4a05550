package mp

import (
	"context"
	"fmt"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/travel"
)

// Run runs one call in a process of its own and returns its result. An error or
// panic of the task is a *RemoteError; a process that ends without a result is
// an *ExitError. When ctx ends, so does the context of the task; if it has not
// returned the process gets SIGTERM 1.5 seconds later, and is killed after three.
// Run returns when nothing runs any more, with ctx.Err(), whatever the task has
// returned by then. The process is a daemon: it dies with its parent. Before Init
// the error is ErrNotInitialized.
func Run[Out any](ctx context.Context, call Call[Out]) (out Out, err error) {
	if err := ctx.Err(); err != nil {
		return out, err
	}
	p := NewProcess(call)
	p.Daemon, p.result = true, true
	if err := p.expect(); err != nil {
		return out, err
	}
	defer p.transit.Close()
	if _, err := p.start("mp: Run"); err != nil {
		return out, err
	}
	defer p.Close()
	select {
	case <-p.done:
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.Background(), termAfter)
		defer cancel()
		if err := p.Stop(grace); err != nil {
			return out, err
		}
		return out, ctx.Err()
	}
	if e, ok := p.err.(*ExitError); ok {
		if e.Remote != nil {
			return out, e.Remote
		}
		return out, e
	}
	if p.output == nil {
		return out, &ExitError{Name: p.Name, PID: p.pid, Cause: CauseExit}
	}
	_, c, err := call.bound.Def.Codecs()
	if err != nil {
		return out, err
	}
	var items [1]Out
	if err := codec.DecodeItems(c, p.output, items[:]); err != nil {
		return out, fmt.Errorf("mp: the result of %s cannot be decoded: %w", call.bound.Def.Name(), err)
	}
	return items[0], nil
}

// expect makes a transit if the result may have handles in it.
func (p *Process) expect() (err error) {
	if p.bound == nil || ready("mp: Run") != nil {
		return nil // start says it
	}
	if _, c, err := p.bound.Def.Codecs(); err != nil || !c.Carries() {
		return err
	}
	p.transit, err = travel.NewTransit()
	return misuse("Run", err)
}
