package spawn

import (
	"fmt"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/sys"
)

// Version is the version of what parent and child say to each other. They are
// one program, so it can only differ if the check of the image has failed.
const Version = 1

// Role says what a child is for.
type Role uint8

// The roles.
const (
	Target  Role = 1 // run one task and end
	Worker  Role = 2 // serve the calls of a pool
	Tracker Role = 3 // remove what the parent has left behind when it is gone
	Store   Role = 4 // keep the file descriptors that are under way in the family
)

// A Setup tells a child who it is and what it has to do.
type Setup struct {
	Version    uint32
	Role       Role
	Image      sys.Image // what the parent runs
	Tasks      uint64    // checksum over the parent's table of tasks
	Name       string    // of the process
	Identity   string    // its number among its siblings, behind those of its ancestors
	Daemon     bool
	ParentPID  int
	ParentName string
	AuthKey    []byte // of the family
	MaxProcs   int    // GOMAXPROCS; 0: as the runtime likes
	Transit    []byte // reference to what holds the objects that results refer to; empty: there is none

	// Of a Target:
	Func    int    // index of the task
	Arg     []byte // its argument, encoded as a batch of one
	Luggage []byte // reference to what holds the objects that the argument refers to
	Result  bool   // the parent waits for the result
}

// fields are what travels of a Setup. They are listed rather than found by
// reflection, which takes a child longer than all else that it does to set
// itself up.
func (s *Setup) fields() codec.Fields {
	return codec.Fields{
		&s.Version, (*uint8)(&s.Role),
		codec.Fields{&s.Image.Dev, &s.Image.Ino, &s.Image.Size, &s.Image.MTimeNano},
		&s.Tasks, &s.Name, &s.Identity, &s.Daemon, &s.ParentPID, &s.ParentName, &s.AuthKey, &s.MaxProcs, &s.Transit,
		&s.Func, &s.Arg, &s.Luggage, &s.Result,
	}
}

// encode makes the setup frame.
func (s *Setup) encode() ([]byte, error) {
	dst := make([]byte, 0, ipc.HeaderSize+256+len(s.Arg))
	dst, err := s.fields().Append(ipc.BeginFrame(dst, ipc.KindSetup, 0))
	if err != nil {
		return nil, err
	}
	return dst, ipc.EndFrame(dst, 0)
}

// decodeSetup reads the setup frame.
func decodeSetup(f ipc.Frame) (*Setup, error) {
	if f.Kind != ipc.KindSetup {
		return nil, fmt.Errorf("frame of kind %d instead of the setup: %w", f.Kind, ipc.ErrProtocol)
	}
	s := new(Setup)
	if err := s.fields().Decode(f.Body); err != nil {
		return nil, err
	}
	if s.Version != Version {
		return nil, fmt.Errorf("the parent speaks version %d of the protocol, this process %d", s.Version, Version)
	}
	return s, nil
}
