package socket

import (
	"errors"
	"io/fs"
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
	dir  string      // was made for the socket
	made fs.FileInfo // the socket's file; nil: it has none
}

// Listen listens at the first of the places where that is possible. No place is the
// path of a unix socket in a new directory of its own, which Close removes.
func Listen(places []sys.SocketAddr, perm uint32, backlog int) (*Listener, error) {
	dir := ""
	if len(places) == 0 {
		var err error
		if dir, err = os.MkdirTemp("", "mp-"); err != nil { // 0700
			return nil, err
		}
		if perm&0o077 != 0 {
			if err := os.Chmod(dir, 0o711); err != nil {
				_ = os.Remove(dir)
				return nil, err
			}
		}
		places = []sys.SocketAddr{{Unix: true, Path: filepath.Join(dir, "listener")}}
	}
	l, err := listen(places, perm, backlog)
	if err != nil {
		if dir != "" {
			_ = os.Remove(dir)
		}
		return nil, err
	}
	l.dir = dir
	return l, nil
}

func listen(places []sys.SocketAddr, perm uint32, backlog int) (l *Listener, err error) {
	for _, place := range places {
		if len(place.Path) > sys.MaxUnixPath {
			return nil, syscall.ENAMETOOLONG
		}
		f, refused := sys.ListenSocket(place, perm, backlog)
		if refused != nil {
			if err == nil || !errors.Is(refused, syscall.EAFNOSUPPORT) {
				err = refused
			}
			if errors.Is(refused, syscall.EADDRINUSE) {
				return nil, err // the next place would be another listener than was meant
			}
			continue
		}
		return newListener(f, place)
	}
	return nil, err
}

func newListener(f *os.File, place sys.SocketAddr) (*Listener, error) {
	l := &Listener{file: f, Addr: place}
	var err error
	if l.conn, err = f.SyscallConn(); err == nil && !place.Unix {
		l.Addr, _, err = sys.SocketNames(f) // the port may be new
	}
	if err == nil && place.Unix && !strings.HasPrefix(place.Path, "\x00") {
		if l.Addr.Path, err = filepath.Abs(place.Path); err == nil { // Chdir must not lose it
			l.made, err = os.Lstat(place.Path)
		}
		if err != nil || len(l.Addr.Path) > sys.MaxUnixPath {
			l.Addr.Path = place.Path
		}
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
		if l.made != nil {
			if now, err := os.Lstat(l.Addr.Path); err == nil && os.SameFile(now, l.made) {
				l.err = os.Remove(l.Addr.Path)
			}
		}
		if l.dir != "" {
			_ = os.Remove(l.dir)
		}
		l.err = errors.Join(l.err, l.file.Close())
	})
	return l.err
}
