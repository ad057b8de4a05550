package mp

import (
	"fmt"
	"syscall"

	"github.com/multiproc/mp/internal/sys"
)

// Readable makes a Waitable of a file, a connection or a listener of another package:
// an *os.File, a net.Conn, a net.Listener, or anything else that has SyscallConn; what
// has not, such as a *tls.Conn, is an error of Wait. It is ready when a read, or an
// Accept, would return at once: with bytes, at the end, or with an error. A regular file
// always is.
//
// What has been read into a buffer already, of a bufio.Reader say, does not count. Its
// deadlines are of no concern, and others may read meanwhile.
//
// Two Readables of the same thing are equal.
func Readable(x any) Waitable { return readable{x} }

type readable struct{ x any }

func (r readable) watched() (watch, error) {
	c, ok := r.x.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a %T has no descriptor to wait for", r.x)
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, closedFile{err}
	}
	return fileWatch{rc}, nil
}

// fileWatch is a watch of what is only a descriptor.
type fileWatch struct{ rc syscall.RawConn }

func (f fileWatch) descriptor() syscall.RawConn { return f.rc }
func (f fileWatch) end()                        {}

func (f fileWatch) ready() (ready bool, err error) {
	if err := f.rc.Control(func(fd uintptr) { ready = sys.Readable(fd) }); err != nil {
		return false, closedFile{err}
	}
	return ready, nil
}

// closedFile is ErrClosed with what the file says.
type closedFile struct{ error }

func (e closedFile) Unwrap() error        { return e.error }
func (e closedFile) Is(target error) bool { return target == ErrClosed }
