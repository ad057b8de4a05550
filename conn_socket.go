package mp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/stream"
	"github.com/multiproc/mp/internal/transport"
)

// LocalAddr returns the address of this end; that of an end of a pipe, and of a nil
// or zero Conn, is the zero Addr.
func (c *Conn) LocalAddr() Addr {
	if c == nil {
		return Addr{}
	}
	return c.local
}

// RemoteAddr returns the address of the other end; that of whoever has dialled a unix
// socket is empty. That of an end of a pipe, and of a nil or zero Conn, is the zero
// Addr.
func (c *Conn) RemoteAddr() Addr {
	if c == nil {
		return Addr{}
	}
	return c.remote
}

// String says what the connection is between.
func (c *Conn) String() string {
	switch {
	case c.check() != nil:
		return "mp.Conn(none)"
	case c.memory() != nil:
		return "mp.Conn(" + c.memory().directions() + ")"
	case c.peer != 0:
		return fmt.Sprintf("mp.Conn(%v, with process %d)", named(c.local, c.remote), c.peer)
	}
	return fmt.Sprintf("mp.Conn(%v to %v)", c.local, c.remote)
}

// named returns the address that has a name, of the two of a unix socket.
func named(a, b Addr) Addr {
	if a.address == "" {
		return b
	}
	return a
}

var errNoDescriptor = errors.New("the connection has no descriptor of its own")

// SyscallConn gives access to the socket, to wait for it or to set options. Who reads
// from it or writes to it breaks the connection. An end of a pipe and a connection
// with TLS have none, which is an error; of one that is closed the error is ErrClosed.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if err := c.check(); err != nil {
		return nil, misuse("Conn.SyscallConn", err)
	}
	s, ok := c.transport.(syscall.Conn)
	if !ok {
		return nil, misuse("Conn.SyscallConn", errNoDescriptor)
	}
	rc, err := s.SyscallConn()
	return rc, misuse("Conn.SyscallConn", err)
}

// File returns a second descriptor of the connection, which FileConn makes a
// connection of again, in a process to which it has been handed, say by
// Process.ExtraFiles. It waits until no message is half sent or half received, or ctx
// ends; its error matches ErrTimeout if that was its deadline. A connection with TLS
// cannot be handed over, and an end of a pipe has no descriptor: both are errors. Of a
// connection that is closed, also meanwhile, the error is ErrClosed.
func (c *Conn) File(ctx context.Context) (*os.File, error) {
	if err := c.check(); err != nil {
		return nil, misuse("Conn.File", err)
	}
	s, ok := c.transport.(*stream.Stream)
	if !ok {
		return nil, misuse("Conn.File", errNoDescriptor)
	}
	already := ctx.Err()
	f, err := s.File(ctx)
	return f, waitOutcome("Conn.File", already, err)
}

// FileConn returns a connection over a stream socket that is connected, of which f is
// a descriptor; f stays the caller's. There is no handshake: whoever is at the other
// end is trusted to be the right one.
//
// If f is no stream socket, the error matches syscall.ENOTSOCK or syscall.EPROTOTYPE;
// if it is nil, os.ErrInvalid. A closed f is an error, too. Otherwise it is what the
// system says, as that there are too many descriptors. That a socket is not connected
// only Send and Recv find out.
func FileConn(f *os.File) (*Conn, error) {
	s, err := socket.FromFile(f)
	if err != nil {
		return nil, misuse("FileConn", err)
	}
	return newSocketConn(s, s, 0), nil
}

// newSocketConn makes a connection over a socket, or what secures it.
func newSocketConn(s *socket.Conn, carrier transport.Carrier, max int) *Conn {
	c := &Conn{
		transport: stream.New(carrier), socket: s, outside: true, max: max,
		local: addrOf(s.Local), remote: addrOf(s.Remote),
	}
	if s.Local.Unix {
		_, c.peer, _ = s.Peer()
	}
	return c
}
