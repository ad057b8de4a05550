package spawn

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/sys"
)

// ErrSilent is returned by Raise for a child that has ended before it was ready.
var ErrSilent = errors.New("it ended before it was ready")

// Raise starts a child that serves the library and not the user, a Tracker or a
// Store, and waits for its hello, of which it returns the body: from then on nothing
// but SIGKILL ends it from outside. Who has raised it reaps it, with Wait, and
// releases it.
func Raise(setup Setup, patience time.Duration) (p *Process, hello []byte, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	setup.MaxProcs = 1
	p, err = Start(&Command{
		Setup: setup,
		Dir:   "/", // whatever directory it had, nobody could remove or unmount
		// Who reads what this process writes shall not wait for that one's end.
		Stdin: null, Stdout: null, Stderr: null,
		Attr: sys.OwnSession(),
	})
	if err != nil {
		return nil, nil, err
	}
	if hello, err = p.hello(patience); err != nil {
		_ = p.Signal(syscall.SIGKILL)
		p.Wait()
		p.Release()
		return nil, nil, err
	}
	return p, hello, nil
}

// hello waits until the child is ready.
func (p *Process) hello(patience time.Duration) ([]byte, error) {
	if err := p.Reports.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	f, err := p.Reports.Next()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("nothing came from it within %v", patience.Round(time.Millisecond))
	case err != nil:
		return nil, ErrSilent
	case f.Kind == ipc.KindRefuse:
		return nil, errors.New(string(f.Body))
	case f.Kind != ipc.KindHello:
		return nil, ipc.ErrProtocol
	}
	return slices.Clone(f.Body), nil
}
