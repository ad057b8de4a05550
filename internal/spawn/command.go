package spawn

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/sys"
)

// A Command says how to start a child.
type Command struct {
	Setup  Setup
	Env    []string // nil: the present environment
	Dir    string   // "": the present directory
	Stdin  *os.File // nil: /dev/null
	Stdout *os.File // nil: that of this process
	Stderr *os.File // nil: that of this process
	Extra  []*os.File
	Attr   *syscall.SysProcAttr
	// Pipe is the size to ask for the two pipes of a Worker that carry arguments
	// and results, in bytes: large, for every refill wakes a process. 0: the
	// system's default.
	Pipe int
}

// image is the identity of the running program; it does not change.
var image = kept(sys.RunningImage)

// Start starts a child and hands it its setup.
func Start(c *Command) (*Process, error) {
	p, err := startChild(c)
	if errors.Is(err, os.ErrNotExist) && c.Dir != "" {
		if _, dirErr := os.Stat(c.Dir); dirErr != nil {
			err = dirErr // exec does not say what it has not found
		}
	}
	if err != nil {
		return nil, fmt.Errorf("mp: cannot start process %s: %w%s", c.Setup.Name, err, remedy(err))
	}
	return p, nil
}

// remedy says what to do about an error that has one usual reason.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return " (too many open descriptors: each child needs five, each pool worker six; raise ulimit -n or use fewer)"
	case errors.Is(err, syscall.EAGAIN):
		return " (too many processes: raise ulimit -u or the cgroup's pids.max, or use fewer)"
	case errors.Is(err, os.ErrNotExist) && strings.Contains(err.Error(), sys.ImagePath):
		return " (is /proc mounted?)"
	}
	return ""
}

func startChild(c *Command) (_ *Process, err error) {
	c.Setup.Version = Version
	if c.Setup.Image, err = image(); err != nil {
		return nil, err
	}
	message, err := c.Setup.encode()
	if err != nil {
		return nil, err
	}
	p := &Process{Name: c.Setup.Name}
	theirs, err := p.open(c.Setup.Role, c.Pipe)
	defer closeAll(theirs)
	if err == nil {
		err = p.exec(c, theirs, message)
	}
	if err != nil {
		p.Release()
		p.Unmap()
		return nil, err
	}
	return p, nil
}

// open makes the channels: the parent's ends go into p, the child's are
// returned in the order in which it inherits them.
func (p *Process) open(role Role, pipe int) (theirs []*os.File, err error) {
	controlR, controlW, err := sys.Pipe()
	if err != nil {
		return nil, err
	}
	theirs = append(theirs, controlR)
	if p.control, err = ipc.NewWriter(controlW); err != nil {
		return theirs, err
	}
	reportsR, reportsW, err := sys.Pipe()
	if err != nil {
		return theirs, err
	}
	theirs = append(theirs, reportsW)
	if role == Target {
		p.Room = sys.PipeSize(reportsW)
	}
	if p.Reports, err = ipc.NewReader(reportsR); err != nil {
		return theirs, err
	}
	if role == Worker {
		p.reserved = ledger.Size
	}
	if p.memory, err = sys.MemFile("mp-child", int64(p.reserved)); err != nil {
		return theirs, err
	}
	theirs = append(theirs, p.memory)
	if role == Tracker { // it shares nothing
		return theirs, nil
	}
	arena, err := shm.File()
	if err != nil {
		return theirs, err
	}
	theirs = append(theirs, arena)
	if role != Worker {
		return theirs, nil
	}
	tasksR, tasksW, err := sys.Pipe()
	if err != nil {
		return theirs, err
	}
	theirs = append(theirs, tasksR)
	if p.Tasks, err = ipc.NewWriter(tasksW); err != nil {
		return theirs, err
	}
	if pipe > 0 {
		sys.GrowPipe(tasksW, pipe)
		sys.GrowPipe(reportsW, pipe)
	}
	// What the runtime writes when it crashes comes behind the ledger.
	if _, err = p.memory.Seek(ledger.Size, 0); err != nil {
		return theirs, err
	}
	mem, err := sys.MapShared(p.memory, ledger.Size)
	if err != nil {
		return theirs, err
	}
	p.Ledger, err = ledger.New(mem)
	return theirs, err
}

// closeAll closes the parent's copies of the child's ends, but for the memory and
// the arena, which both keep.
func closeAll(theirs []*os.File) {
	for i, f := range theirs {
		if i != memoryFile && i != arenaFile {
			f.Close()
		}
	}
}

// The order of the inherited channels.
const (
	controlFile = 0
	reportsFile = 1
	memoryFile  = 2
	arenaFile   = 3
	tasksFile   = 4
)

// exec starts the process.
func (p *Process) exec(c *Command, theirs []*os.File, message []byte) error {
	files, err := c.streams()
	if err != nil {
		return err
	}
	base := 3 + len(c.Extra)
	files = append(append(files, c.Extra...), theirs...)
	inode, err := sys.Inode(theirs[controlFile])
	if err != nil {
		return err
	}
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	env, err = environment(env, fmt.Sprintf("%d:%d:%d", base, len(theirs), inode))
	if err != nil {
		return err
	}
	program := &sys.Program{
		Path:          sys.ImagePath,
		Args:          os.Args,
		Env:           env,
		Dir:           c.Dir,
		Attr:          c.Attr,
		DieWithThread: c.Setup.Daemon,
	}
	return withDescriptors(files, func(fds []uintptr) error {
		program.Files = fds
		// The setup is in the pipe before the child looks for it; what does not
		// fit follows when the child has begun to read.
		n, err := p.control.TryWrite(message)
		if err != nil {
			return err
		}
		p.child, err = start(program)
		if errors.Is(err, syscall.EBADF) {
			// All of them are open: it is the child's numbers that are beyond the limit.
			err = os.NewSyscallError("dup3", syscall.EMFILE)
		}
		if err != nil {
			return err
		}
		p.PID = p.child.PID
		p.handOver(message[n:])
		return nil
	})
}

// streams returns the child's standard streams. nil stands for one that this process
// has closed: the child gets none, either.
func (c *Command) streams() ([]*os.File, error) {
	streams := []*os.File{c.Stdin, c.Stdout, c.Stderr}
	if c.Stdin == nil {
		null, err := devNull()
		if err != nil {
			return nil, err
		}
		streams[0] = null
	}
	if c.Stdout == nil {
		streams[1] = unlessClosed(os.Stdout)
	}
	if c.Stderr == nil {
		streams[2] = unlessClosed(os.Stderr)
	}
	return streams, nil
}

// unlessClosed returns nil for a file that is closed.
func unlessClosed(f *os.File) *os.File {
	if _, err := f.Stat(); errors.Is(err, os.ErrClosed) {
		return nil
	}
	return f
}

var devNull = kept(func() (*os.File, error) { return os.Open(os.DevNull) })

// kept returns a function that calls get until it succeeds, and returns that value
// from then on. An error is not kept: the next start may find descriptors again.
func kept[T any](get func() (T, error)) func() (T, error) {
	var (
		mu    sync.Mutex
		have  bool
		value T
	)
	return func() (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if have {
			return value, nil
		}
		v, err := get()
		if err == nil {
			value, have = v, true
		}
		return v, err
	}
}

// closedStream stands for a standard stream that the child does not get.
const closedStream = ^uintptr(0)

// withDescriptors calls fn with the descriptors of files, none of which can be
// closed meanwhile. It does not change their blocking mode, as File.Fd would.
func withDescriptors(files []*os.File, fn func(fds []uintptr) error) error {
	fds := make([]uintptr, len(files))
	var visit func(i int) error
	visit = func(i int) error {
		if i == len(files) {
			return fn(fds)
		}
		switch {
		case files[i] != nil:
		case i < len(streamNames):
			fds[i] = closedStream
			return visit(i + 1)
		default:
			return fmt.Errorf("file %d is nil", i)
		}
		rc, err := files[i].SyscallConn()
		if err == nil {
			var inner error
			err = rc.Control(func(fd uintptr) {
				fds[i] = fd
				inner = visit(i + 1)
			})
			if err == nil {
				return inner
			}
		}
		if unlessClosed(files[i]) == nil {
			err = os.ErrClosed // SyscallConn has another one for that
		}
		if i < len(streamNames) {
			err = fmt.Errorf("%s: %w", streamNames[i], err)
		}
		return err
	}
	return visit(0)
}

var streamNames = [...]string{"stdin", "stdout", "stderr"}
