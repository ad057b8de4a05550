package tracker

import (
	"fmt"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/spawn"
)

// A child is a tracker as its creator holds it.
type child struct {
	proc  *spawn.Process
	since time.Time
}

// attempts is how often a tracker is started, one after the other, that is killed
// before it can ignore signals, or right after.
const attempts = 3

// raise starts a tracker, and returns when nothing but SIGKILL ends it any more.
func raise(setup spawn.Setup) (*child, error) {
	setup.Role = spawn.Tracker
	proc, _, err := spawn.Raise(setup, spawn.HandshakeTimeout)
	if err != nil {
		return nil, fmt.Errorf("the process that is to remove files has not started: %w", err)
	}
	return &child{proc: proc, since: time.Now()}, nil
}

// tell sends a frame about a file. It fails if the tracker is dead.
func (c *child) tell(kind ipc.Kind, f File) error {
	frame, err := ipc.AppendFrame(nil, kind, 0, f.appendTo(nil))
	if err != nil {
		return err
	}
	return c.proc.Deliver(frame)
}
