package socket

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/transport"
)

// A Conn is one end of a connected stream socket. One goroutine at a time may read,
// and one may write.
type Conn struct {
	file   *os.File
	conn   syscall.RawConn
	closed atomic.Bool

	Local, Remote sys.SocketAddr

	in, out transfer
}

// A transfer is what a function that is handed to the poller works on.
type transfer struct {
	head, body []byte
	n          int
	err        error
	wait, once func(fd uintptr) bool // with the poller's help, and without
}

// newConn takes ownership of the file.
func newConn(f *os.File) (*Conn, error) {
	rc, err := f.SyscallConn()
	if err == nil {
		c := &Conn{file: f, conn: rc}
		c.in.once = func(fd uintptr) bool {
			c.in.n, c.in.err = sys.Read(fd, c.in.body)
			return true
		}
		c.in.wait = func(fd uintptr) bool { return c.in.once(fd) && c.in.err != sys.ErrWouldBlock }
		c.out.once = func(fd uintptr) bool {
			c.out.n, c.out.err = sys.SendSocket(fd, c.out.head, c.out.body)
			return true
		}
		c.out.wait = func(fd uintptr) bool { return c.out.once(fd) && c.out.err != sys.ErrWouldBlock }
		if c.Local, c.Remote, err = sys.SocketNames(f); err == nil {
			return c, nil
		}
	}
	_ = f.Close()
	return nil, err
}

// FromFile returns a connection over a second descriptor of a connected socket.
func FromFile(f *os.File) (*Conn, error) {
	dup, err := sys.DupSocket(f)
	if err != nil {
		return nil, err
	}
	return newConn(dup)
}

// File returns a second descriptor.
func (c *Conn) File() (*os.File, error) {
	if c.closed.Load() {
		return nil, transport.ErrClosed
	}
	return sys.DupSocket(c.file)
}

// finish turns what the poller and the attempt have said into the result.
func (c *Conn) finish(t *transfer, polled error) (int, error) {
	t.head, t.body = nil, nil
	switch {
	case polled != nil && c.closed.Load():
		return 0, transport.ErrClosed
	case polled != nil:
		return 0, polled
	}
	return t.n, t.err
}

// TryRead reads what is there; nothing is sys.ErrWouldBlock, and the end is n == 0
// without an error.
func (c *Conn) TryRead(p []byte) (int, error) {
	c.in.body = p
	return c.finish(&c.in, c.conn.Read(c.in.once))
}

// Await waits until something can be read, which is then read: as TryRead.
func (c *Conn) Await(p []byte) (int, error) {
	c.in.body = p
	return c.finish(&c.in, c.conn.Read(c.in.wait))
}

// Read is io.Reader.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Await(p)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

// TrySend writes of head, and then of body, what there is room for.
func (c *Conn) TrySend(head, body []byte) (int, error) {
	c.out.head, c.out.body = head, body
	return c.finish(&c.out, c.conn.Write(c.out.once))
}

// Send waits for room before it does that.
func (c *Conn) Send(head, body []byte) (int, error) {
	c.out.head, c.out.body = head, body
	return c.finish(&c.out, c.conn.Write(c.out.wait))
}

// Write is io.Writer.
func (c *Conn) Write(p []byte) (n int, err error) {
	for n < len(p) {
		sent, err := c.Send(p[n:], nil)
		if n += sent; err != nil {
			return n, err
		}
	}
	return n, nil
}

// Ready says whether a read would return at once.
func (c *Conn) Ready() (ready bool, err error) {
	return ready, c.control(c.conn.Read(func(fd uintptr) bool {
		ready = sys.Readable(fd)
		return true
	}))
}

// AwaitReady waits until a read would return at once. It takes nothing away.
func (c *Conn) AwaitReady() error { return c.control(c.conn.Read(sys.Readable)) }

func (c *Conn) control(err error) error {
	if err != nil && c.closed.Load() {
		return transport.ErrClosed
	}
	return err
}

// SetReadDeadline and the others are those of net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error  { return c.file.SetReadDeadline(t) }
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.file.SetWriteDeadline(t) }
func (c *Conn) SetDeadline(t time.Time) error      { return c.file.SetDeadline(t) }

// SyscallConn is that of syscall.Conn.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.file.SyscallConn() }

// Peer returns the user and the process at the other end of a unix socket.
func (c *Conn) Peer() (uid uint32, pid int, err error) { return sys.PeerOfSocket(c.file) }

// Close closes the connection and ends the calls that wait.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.file.Close()
}

// Reset says whether an error of a read means that the other end has been closed
// before it had read everything. Of a unix socket all that it has sent has been read
// by then; of tcp some may be lost.
func Reset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
