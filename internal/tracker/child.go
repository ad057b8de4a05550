package tracker

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/shmfile"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/sys"
)

// A child is a tracker as its creator holds it.
type child struct {
	proc  *spawn.Process
	since time.Time
}

// attempts is how often a tracker is started, one after the other, that is killed
// before it can ignore signals, or right after.
const attempts = 3

var errSilent = errors.New("it ended before it was ready")

// raise starts a tracker, and returns when nothing but SIGKILL ends it any more.
func raise(setup spawn.Setup) (*child, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	setup.Role = spawn.Tracker
	setup.MaxProcs = 1
	proc, err := spawn.Start(&spawn.Command{
		Setup: setup,
		Dir:   "/", // whatever directory it had, nobody could remove or unmount
		// Who reads what this process writes shall not wait for the tracker's end.
		Stdin: null, Stdout: null, Stderr: null,
		Attr: sys.OwnSession(),
	})
	if err != nil {
		return nil, err
	}
	if err := hello(proc); err != nil {
		_ = proc.Signal(syscall.SIGKILL)
		proc.Wait()
		proc.Release()
		return nil, fmt.Errorf("the process that is to remove shared memory has not started: %w", err)
	}
	return &child{proc: proc, since: time.Now()}, nil
}

// hello waits until the tracker is ready.
func hello(proc *spawn.Process) error {
	if err := proc.Reports.SetDeadline(time.Now().Add(spawn.HandshakeTimeout)); err != nil {
		return err
	}
	f, err := proc.Reports.Next()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("nothing came from it within %v", spawn.HandshakeTimeout)
	case err != nil:
		return errSilent
	case f.Kind == ipc.KindRefuse:
		return errors.New(string(f.Body))
	case f.Kind != ipc.KindHello:
		return ipc.ErrProtocol
	}
	return nil
}

// tell sends a frame about a block. It fails if the tracker is dead.
func (c *child) tell(kind ipc.Kind, ref shmfile.Ref) error {
	frame, err := ipc.AppendFrame(nil, kind, 0, ref.Append(nil))
	if err != nil {
		return err
	}
	return c.proc.Deliver(frame)
}
