package sys

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Pipe returns the two ends of a new pipe, both non-blocking and close-on-exec.
func Pipe() (r, w *os.File, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	if r, err = newPolled(p[0], "mp-pipe"); err != nil {
		unix.Close(p[1])
		return nil, nil, err
	}
	if w, err = newPolled(p[1], "mp-pipe"); err != nil {
		r.Close()
		return nil, nil, err
	}
	return r, w, nil
}

// GrowPipe asks for a pipe buffer of size bytes. The kernel may refuse
// (/proc/sys/fs/pipe-max-size, pipe-user-pages-soft); the pipe then keeps the
// size it has, which is slower and nothing worse.
func GrowPipe(f *os.File, size int) {
	_ = control(f, func(fd int) error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, size)
		return err
	})
}

// PipeSize returns how many bytes fit into a pipe: mostly 64 KiB, but as little as
// a page for a user who has too many of them. It is 0 if it cannot be had.
func PipeSize(f *os.File) (size int) {
	_ = control(f, func(fd int) (err error) {
		size, err = unix.FcntlInt(uintptr(fd), unix.F_GETPIPE_SZ, 0)
		return err
	})
	return max(size, 0)
}

// NewFile takes ownership of fd: it is moved out of the way of the standard
// streams, made close-on-exec and, if it is non-blocking already, handed to
// the runtime's poller.
func NewFile(fd int, name string) (*os.File, error) {
	fd, err := aboveStreams(fd)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// newPolled is NewFile for a non-blocking descriptor that somebody will wait for. It
// fails if the poller has not taken it, which os.NewFile does not tell.
func newPolled(fd int, name string) (*os.File, error) {
	f, err := NewFile(fd, name)
	if err != nil {
		return nil, err
	}
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s cannot be polled (is fs.epoll.max_user_watches reached?): %w", name, err)
	}
	return f, nil
}

// aboveStreams moves a close-on-exec descriptor away from the numbers of the
// standard streams, which a program may have closed.
func aboveStreams(fd int) (int, error) {
	if fd > 2 {
		return fd, nil
	}
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	unix.Close(fd)
	if err != nil {
		return -1, os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", err)
	}
	return moved, nil
}

// FIFOInode returns the inode number of the pipe at descriptor fd; ok is false
// if there is no pipe at that number.
func FIFOInode(fd int) (inode uint64, ok bool) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return 0, false
	}
	return st.Ino, true
}

// Inode returns the inode number of an open file.
func Inode(f *os.File) (inode uint64, err error) {
	err = control(f, func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return os.NewSyscallError("fstat", err)
		}
		inode = st.Ino
		return nil
	})
	return inode, err
}

// Read is one read(2). It returns ErrWouldBlock when nothing is there, and
// n == 0 with a nil error at end of file.
func Read(fd uintptr, p []byte) (int, error) { return transfer("read", unix.Read, fd, p) }

// Write is one write(2); it may write less than all of p. It returns
// ErrWouldBlock when there is no room.
func Write(fd uintptr, p []byte) (int, error) { return transfer("write", unix.Write, fd, p) }

func transfer(name string, call func(int, []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, ErrWouldBlock
		default:
			return 0, os.NewSyscallError(name, err)
		}
	}
}

// control runs fn on the descriptor of f while it cannot be closed.
func control(f *os.File, fn func(fd int) error) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := rc.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return err
	}
	return inner
}
