package fdstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/sys"
)

// The kinds of cells.
const (
	// Kind is that of a descriptor under way.
	Kind = shm.FirstKind + 26
	// kindRecord is that of the root object, which says where the store is.
	kindRecord = shm.FirstKind + 27
)

// Setup makes the setup of a store, but for its role. Package mp sets it.
var Setup func() spawn.Setup

// patience bounds Put and Get. Tests have less.
var patience = 10 * time.Second

var (
	// ErrLost is returned by Get for a descriptor whose store has been killed.
	ErrLost = errors.New("the file descriptor is lost: the process that kept it under way has been killed")
	// ErrNoRoom is returned by Put when the store can hold no more.
	ErrNoRoom = errors.New("the process that keeps file descriptors under way has no room for more: have fewer under way, or raise ulimit -n of the process that sends the first one")
)

// Put gives the store a duplicate of fd, which remains the caller's, and returns the
// object that stands for it. The store keeps the duplicate as long as somebody has
// the object, and Put returns when it has it: from then on what becomes of the caller
// does not matter. It starts the store if there is none. Put waits at most 10 s, and
// returns ErrNoRoom, or an error of the system, such as EMFILE if this process has no
// descriptor left for the request; on others than Linux errors.ErrUnsupported.
func Put(fd int) (*shm.Object, error) {
	a, err := memory()
	if err != nil {
		return nil, err
	}
	if fd < 0 {
		return nil, fmt.Errorf("%d is no file descriptor", fd)
	}
	o, err := a.New(shm.Spec{Kind: Kind})
	if err != nil {
		return nil, err
	}
	c := call{arena: a, request: request{op: opPut, ref: o.Ref()}, fd: fd, start: true}
	status, _, err := c.do()
	switch {
	case errors.Is(err, syscall.EMFILE):
		err = fmt.Errorf("this process has too many open files to send another one: close some, or raise ulimit -n: %w", err)
	case err != nil:
	case status == statusFull:
		err = ErrNoRoom
	case status != statusDone:
		err = errAnswer
	}
	if err != nil {
		return nil, errors.Join(err, o.Drop())
	}
	return o, nil
}

// Get returns a new descriptor, close-on-exec and never one of the standard streams,
// of what was put as the object that r refers to. It works as long as somebody has
// the object, any number of times. It waits at most 10 s. The error is shm.ErrGone if
// the object is not there any more, shm.ErrKind if r refers to another sort of object,
// ErrLost if the store that had it was killed, or one of the system, such as EMFILE if
// this process has no room for it; on others than Linux errors.ErrUnsupported.
func Get(r shm.Ref) (fd int, err error) {
	a, err := memory()
	if err != nil {
		return -1, err
	}
	if r.Kind != Kind || r.Hash != 0 {
		return -1, shm.ErrKind
	}
	if !a.Exists(r) {
		return -1, shm.ErrGone
	}
	c := call{arena: a, request: request{op: opGet, ref: r}, fd: -1}
	status, fd, err := c.do()
	switch {
	case errors.Is(err, errNoStore), err == nil && status == statusGone:
		if a.Exists(r) {
			return -1, ErrLost
		}
		return -1, shm.ErrGone
	case errors.Is(err, syscall.EMFILE):
		return -1, fmt.Errorf("this process has too many open files for the one that has come, which is lost with its message: close some, or raise ulimit -n: %w", err)
	case err != nil:
		return -1, err
	case status != statusDone || fd < 0:
		return -1, errAnswer
	}
	return fd, nil
}

// memory returns what the family shares.
func memory() (*shm.Arena, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("file descriptors travel on Linux only: %w", errors.ErrUnsupported)
	}
	return shm.Default()
}

// A call is one request to whatever store there is.
type call struct {
	arena   *shm.Arena
	request request
	fd      int  // to be sent; -1: none
	start   bool // a store if there is none

	raised int    // stores that this call has started
	bad    uint32 // the store that does not know its secret; 0: none
}

// The pauses between attempts.
const (
	firstPause = 500 * time.Microsecond
	lastPause  = 20 * time.Millisecond
)

// do asks until there is an answer. A store that has gone, or is about to, gives
// none: then another one is asked, or started. The end of patience is not an error of
// contexts, which would be taken for those of users.
func (c *call) do() (status uint32, fd int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		at, err := c.locate(ctx)
		if err != nil {
			return 0, -1, err
		}
		c.request.secret = at.secret
		status, fd, err = at.ask(ctx, func() bool { return c.arena.Alive(at.owner) }, &c.request, c.fd)
		switch {
		case err == nil && status == statusRefused:
			c.bad = at.owner // what is written there is not what it has said
		case err == nil:
			return status, fd, nil
		case !errors.Is(err, errAgain):
			return 0, -1, err
		case ctx.Err() != nil:
			return 0, -1, fmt.Errorf("the process that keeps file descriptors under way (pid %d) does not answer: %v", at.pid, err)
		}
		if fd >= 0 {
			sys.CloseDescriptor(fd)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}
