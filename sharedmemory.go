package mp

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/multiproc/mp/internal/shmfile"
)

// A SharedMemory is a handle of a block of memory that has a name, by which any
// process of the machine finds it, also one that is no child of this program and
// not written in Go: it is the file of that name in /dev/shm, as shm_open of the C
// library and SharedMemory of Python have it.
//
// The block is there until somebody unlinks it, like a file; Close only gives up
// this process's handle. The death of a process changes nothing, unless the block
// was created with AutoUnlink.
//
// A handle is itself again as (a field of) the argument of a task: there it is a
// handle of its own of the same block. It refers to the block and not to the name:
// if the block has been unlinked before it arrives, the receiver gets an error that
// matches fs.ErrNotExist, also if another block has the name by then. A handle
// that is not closed is closed when it is garbage.
//
// All methods can be used from any goroutine. Nothing orders what several processes
// do with the memory; use a Lock, or atomic operations on it. A process that
// truncates the file (nothing in Go's or Python's API does) makes the others die of
// SIGBUS when they touch what is gone. Make handles with CreateSharedMemory and
// OpenSharedMemory; nil and the zero value are refused.
type SharedMemory struct {
	block *shmfile.Block
}

// A SharedMemoryOption is an option of CreateSharedMemory and NewShareableList.
type SharedMemoryOption func(*sharedMemoryOptions)

type sharedMemoryOptions struct {
	autoUnlink bool
}

// AutoUnlink makes sure that the block is unlinked when the process that creates
// it has ended, in whatever way, also by SIGKILL; unless it was unlinked before.
// Other processes that have it open can go on using it. The first such block
// starts a small process that looks after all of them; it takes some
// milliseconds, and ends when there are none any more. (It is the same that looks
// after the sockets of listeners.)
func AutoUnlink() SharedMemoryOption {
	return func(o *sharedMemoryOptions) { o.autoUnlink = true }
}

// CreateSharedMemory makes a block of size bytes, all zero, and opens it. An empty
// name means a new one, which Name tells. A slash in front of the name is left out,
// as Python does. Only processes of the same user can open the block.
//
// All the memory is reserved, so that using it cannot fail; that takes some tenths
// of a second for a GiB. If there is not enough the error matches ErrNoMemory and
// syscall.ENOSPC. A name that is taken is fs.ErrExist; a name with a slash elsewhere
// or a NUL byte, or of more than 255 bytes, and a size that is not positive, are
// fs.ErrInvalid; before Init it is ErrNotInitialized. After an error there is no
// block. Others see the block only when it is complete.
func CreateSharedMemory(name string, size int64, opts ...SharedMemoryOption) (*SharedMemory, error) {
	return createSharedMemory("mp: CreateSharedMemory", name, size, nil, opts)
}

// createSharedMemory makes a block that fill, if it is not nil, fills before others
// see it.
func createSharedMemory(caller, name string, size int64, fill func([]byte) error, opts []SharedMemoryOption) (_ *SharedMemory, err error) {
	if err := ready(caller); err != nil {
		return nil, err
	}
	if name != "" {
		if name, err = shmfile.CheckName(name); err != nil {
			return nil, fmt.Errorf("%s: %w", caller, err)
		}
	}
	var set sharedMemoryOptions
	for _, opt := range opts {
		if opt != nil {
			opt(&set)
		}
	}
	o := shmfile.Options{Fill: fill}
	if set.autoUnlink {
		o.Announce, o.Withdraw = trackBlock, forgetBlock
	}
	b, err := shmfile.Create(name, size, o)
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%w: %w", ErrNoMemory, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caller, err)
	}
	return newSharedMemory(b), nil
}

// OpenSharedMemory opens the block of that name, in its whole size. A name that is
// not there is fs.ErrNotExist, an empty or impossible one fs.ErrInvalid; before Init
// it is ErrNotInitialized.
func OpenSharedMemory(name string) (*SharedMemory, error) {
	return openSharedMemory("mp: OpenSharedMemory", name)
}

func openSharedMemory(caller, name string) (*SharedMemory, error) {
	if err := ready(caller); err != nil {
		return nil, err
	}
	name, err := shmfile.CheckName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caller, err)
	}
	b, err := shmfile.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caller, err)
	}
	return newSharedMemory(b), nil
}

// newSharedMemory makes the handle, which closes itself when it is garbage.
func newSharedMemory(b *shmfile.Block) *SharedMemory {
	s := &SharedMemory{block: b}
	runtime.AddCleanup(s, (*shmfile.Mapping).Drop, &b.Mapping)
	return s
}

// errNoMemory is what a handle is that was not made, or has not travelled.
var errNoMemory = errors.New("mp: not shared memory: handles do not travel in globals or closures; create it after mp.Init and pass it as (a field of) the argument")

// Bytes returns the block's memory, and a function to call when it is not used any
// more, once or often. Until then the handle is in use, and Close refuses: so a
// slice that was forgotten can never be another block's memory. The slice stays
// valid if the handle is garbage, and after Unlink. Bytes panics after Close, and
// if the handle is nil or zero.
func (s *SharedMemory) Bytes() (mem []byte, release func()) {
	if s == nil || s.block == nil {
		panic(errNoMemory.Error())
	}
	mem, ok := s.block.Pin()
	runtime.KeepAlive(s) // from here on it is the pin that keeps the memory
	if !ok {
		panic(fmt.Sprintf("mp: SharedMemory.Bytes: %v has been closed; open it again with mp.OpenSharedMemory", s))
	}
	b, released := s.block, new(atomic.Bool)
	return mem, func() {
		if !released.Swap(true) {
			b.Unpin()
		}
	}
}

// Name returns the name of the block, without a slash; "" for a nil handle.
func (s *SharedMemory) Name() string {
	if s == nil || s.block == nil {
		return ""
	}
	return s.block.Name
}

// Size returns the size of the block in bytes: that of the file when the handle
// was opened; 0 for a nil handle.
func (s *SharedMemory) Size() int64 {
	if s == nil || s.block == nil {
		return 0
	}
	return s.block.Size
}

// Close gives back this process's handle; the block stays. A second Close does
// nothing. While memory of Bytes has not been released it returns ErrInUse, and
// does nothing.
func (s *SharedMemory) Close() error {
	if s == nil || s.block == nil {
		return errNoMemory
	}
	pins, err := s.block.Close()
	switch {
	case pins == 1:
		return fmt.Errorf("mp: close: shared memory %q %w: 1 slice of Bytes has not been released", s.block.Name, ErrInUse)
	case pins > 1:
		return fmt.Errorf("mp: close: shared memory %q %w: %d slices of Bytes have not been released", s.block.Name, ErrInUse, pins)
	case err != nil:
		return fmt.Errorf("mp: close: shared memory %q: %w", s.block.Name, err)
	}
	return nil
}

// Unlink takes the name from the block. Nobody can open it any more; handles that
// are open, also this one, go on working, and the memory is free when the last of
// them has been closed. If that has been done before, by whatever process, the
// error matches fs.ErrNotExist; a block that has got the name since is left alone.
// It works on a closed handle, too.
func (s *SharedMemory) Unlink() error {
	if s == nil || s.block == nil {
		return errNoMemory
	}
	err := s.block.Unlink()
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		forgetBlock(s.block.Ref)
	}
	if err != nil {
		return fmt.Errorf("mp: unlink: %w", err)
	}
	return nil
}

// String returns the name and the size.
func (s *SharedMemory) String() string {
	if s == nil || s.block == nil {
		return "SharedMemory(nil)"
	}
	return fmt.Sprintf("SharedMemory(%q, %d bytes)", s.block.Name, s.block.Size)
}
