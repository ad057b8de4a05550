package socket

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/transport"
)

// A Listener is a socket that listens.
type Listener struct {
	file   *os.File
	conn   syscall.RawConn
	closed atomic.Bool
	once   sync.Once
	err    error

	Addr sys.SocketAddr
	path *file // of the socket; nil: it has none
	dir  *file // that was made for it; nil: none was
}

// Listen listens at the first of the places where that is possible. No place is the
// path of a unix socket in a new directory of its own, which Close removes.
func Listen(places []sys.SocketAddr, perm uint32, backlog int) (*Listener, error) {
	return ListenTracked(nil, places, perm, backlog)
}

// ListenTracked is Listen for a socket whose file, and directory, are removed by t if
// Close does not come to it.
func ListenTracked(t Tracker, places []sys.SocketAddr, perm uint32, backlog int) (l *Listener, err error) {
	if len(places) > 0 {
		return listen(t, false, places, perm, backlog)
	}
	dir, err := makeDir(t, perm&0o077 != 0)
	if err != nil {
		return nil, err
	}
	l, err = listen(t, true, []sys.SocketAddr{{Unix: true, Path: filepath.Join(dir.path, "listener")}}, perm, backlog)
	if err != nil {
		_ = dir.remove()
		return nil, err
	}
	l.dir = dir
	return l, nil
}

// listen is ListenTracked; the places may be ones that are nobody else's.
func listen(t Tracker, ours bool, places []sys.SocketAddr, perm uint32, backlog int) (l *Listener, err error) {
	for _, place := range places {
		if len(place.Path) > sys.MaxUnixPath {
			return nil, syscall.ENAMETOOLONG
		}
		l := &Listener{Addr: place}
		bind := func() (err error) {
			l.file, err = sys.ListenSocket(place, perm, backlog)
			return err
		}
		var refused error
		if place.Unix && !strings.HasPrefix(place.Path, "\x00") {
			l.path, refused = makeFile(t, place.Path, ours, bind)
		} else {
			refused = bind()
		}
		if refused == nil {
			return l.begin()
		}
		if l.file != nil {
			_ = l.file.Close()
		}
		if err == nil || !errors.Is(refused, syscall.EAFNOSUPPORT) {
			err = refused
		}
		if errors.Is(refused, syscall.EADDRINUSE) {
			return nil, err // the next place would be another listener than was meant
		}
	}
	return nil, err
}

// begin finds out what it has become, and closes it if that fails.
func (l *Listener) begin() (_ *Listener, err error) {
	if l.conn, err = l.file.SyscallConn(); err == nil && !l.Addr.Unix {
		l.Addr, _, err = sys.SocketNames(l.file) // the port may be new
	}
	if l.path != nil && len(l.path.path) <= sys.MaxUnixPath {
		l.Addr.Path = l.path.path
	}
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// Accept waits for the next connection. Its errors are those of accept(2), of which
// some pass, and transport.ErrClosed.
func (l *Listener) Accept() (*Conn, error) {
	var f *os.File
	var err error
	polled := l.conn.Read(func(fd uintptr) bool {
		f, err = sys.AcceptSocket(fd)
		return err != sys.ErrWouldBlock
	})
	switch {
	case l.closed.Load():
		if f != nil {
			_ = f.Close()
		}
		return nil, transport.ErrClosed
	case polled != nil:
		return nil, polled
	case err != nil:
		return nil, err
	}
	return newConn(f)
}

// Passes says whether an error of Accept is one of the moment, and whether it is one
// of that connection only, so that the next may fare better at once. Others, such as
// too few descriptors, need time.
func Passes(err error) (passes, atOnce bool) {
	for _, e := range []syscall.Errno{syscall.EBADF, syscall.EINVAL, syscall.ENOTSOCK} {
		if errors.Is(err, e) {
			return false, false
		}
	}
	return true, errors.Is(err, syscall.ECONNABORTED)
}

// SyscallConn is that of syscall.Conn.
func (l *Listener) SyscallConn() (syscall.RawConn, error) { return l.file.SyscallConn() }

// Close removes the socket's file, unless another has taken its place, and stops to
// listen.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.closed.Store(true)
		l.err = l.path.remove()
		_ = l.dir.remove()
		l.err = errors.Join(l.err, l.file.Close())
	})
	return l.err
}
