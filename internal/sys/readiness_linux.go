package sys

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Readiness tells when one of several descriptors can be read. It is an epoll(7) of its
// own, for which the runtime's poller waits: so no thread does, and the deadlines of the
// files, and who reads from them meanwhile, are left alone.
type Readiness struct {
	file *os.File
	conn syscall.RawConn
}

// NewReadiness returns one of no descriptors.
func NewReadiness() (*Readiness, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // for os.NewFile
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl(O_NONBLOCK)", err)
	}
	file, err := NewFile(fd, "mp-readiness")
	if err != nil {
		return nil, err
	}
	conn, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &Readiness{file, conn}, nil
}

// Add adds a descriptor. It may be closed at any time: then it is none of them any
// more, and nobody is told. What cannot be waited for, such as a regular file, is
// EPERM; it is always ready.
func (r *Readiness) Add(fd uintptr) error {
	var err error
	polled := r.conn.Control(func(epoll uintptr) {
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(fd)}
		err = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, int(fd), &event)
	})
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return errors.Join(polled, os.NewSyscallError("epoll_ctl", err))
}

// Wait waits until one of them is ready, ctx ends, or for limit.
func (r *Readiness) Wait(ctx context.Context, limit time.Duration) (ready bool, err error) {
	// First the limit, then a look at ctx: its end is seen here, or sets a deadline that
	// stays.
	if err := r.file.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return false, err
	}
	fired := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		_ = r.file.SetReadDeadline(time.Unix(1, 0))
		close(fired)
	})
	defer func() {
		if !forget() {
			<-fired
		}
	}()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	var failed error
	err = r.conn.Read(func(epoll uintptr) bool {
		ready, failed = anyEvent(int(epoll))
		return ready || failed != nil
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, ctx.Err()
	}
	return ready, errors.Join(err, failed)
}

// anyEvent says whether there is one, and leaves it there.
func anyEvent(epoll int) (bool, error) {
	var events [1]unix.EpollEvent
	for {
		n, err := unix.EpollWait(epoll, events[:], 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, os.NewSyscallError("epoll_wait", err)
		}
	}
}

// Close ends it.
func (r *Readiness) Close() error { return r.file.Close() }
