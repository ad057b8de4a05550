package mp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"syscall"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/stream"
	"github.com/multiproc/mp/internal/transport"
)

// A Conn is one end of a connection, over which whole messages go both ways. Dial
// and Accept make one; a zero or nil Conn returns errors.
//
// Any number of goroutines may use it, each with its own context. A context that ends
// leaves the connection in step: see Send. When the other end is gone, Recv and its
// like return what was sent whole, and then io.EOF; if it went in the middle of a
// message, io.ErrUnexpectedEOF; and Send returns syscall.EPIPE. Close ends all calls,
// with ErrClosed.
type Conn struct {
	transport     transport.Transport
	local, remote Addr
	// outside says that the other end may be of another family of processes.
	outside bool
	max     int // of a message to receive; 0: no limit
	peer    int // the process at the other end; 0: not known
}

// largeMessage is the size from which a message gets memory of its own, which what is
// decoded from it may keep, rather than a buffer that is used again.
const largeMessage = 64 << 10

// messageBuffers are for messages that are smaller.
var messageBuffers = sync.Pool{New: func() any { return new([]byte) }}

// check returns why the connection cannot be used.
func (c *Conn) check() error {
	if c == nil || c.transport == nil {
		return shm.ErrNoHandle
	}
	return nil
}

// Send sends a value, as the argument of a task would be sent. The other end has to
// receive it into the same type, and has to be of the same build if slices of numbers
// or structs are in it; for other programs there is SendBytes. A value that cannot
// travel is an error, and nothing is sent.
//
// Send returns when the message is with the system, which says nothing of whether it
// will be received. It waits when the other end is slow. If ctx ends then, the error
// matches ctx.Err(), and also ErrUnderway if a part has left already: the rest of that
// message follows, and other messages wait for it.
func (c *Conn) Send(ctx context.Context, v any) error {
	return waitOutcome("Conn.Send", ctx.Err(), c.send(ctx, v))
}

func (c *Conn) send(ctx context.Context, v any) error {
	if err := c.check(); err != nil {
		return err
	}
	value := reflect.ValueOf(v)
	if v == nil {
		value = reflect.ValueOf(&v).Elem() // the nil of an any
	}
	plan, err := codec.For(value.Type())
	if err != nil {
		return err
	}
	if c.outside && plan.Carries() {
		return fmt.Errorf("%v: %w", value.Type(), ErrNotShareable)
	}
	buf := messageBuffers.Get().(*[]byte)
	msg, err := plan.Append((*buf)[:0], value)
	switch {
	case err != nil:
	case plan.Carries():
		err = c.memory().sendReferring(ctx, plan, msg)
	default:
		err = c.transport.Send(ctx, msg)
	}
	if cap(msg) <= largeMessage {
		*buf = msg
		messageBuffers.Put(buf)
	}
	return err
}

// Recv receives a value into what ptr points to, which must be of the type that was
// sent; it is set to zero first. A message that is not the encoding of one is an error
// and is gone; the connection goes on. It waits until there is a message, ctx ends, or
// the connection does.
func (c *Conn) Recv(ctx context.Context, ptr any) error {
	return waitOutcome("Conn.Recv", ctx.Err(), c.recv(ctx, ptr))
}

func (c *Conn) recv(ctx context.Context, ptr any) error {
	if err := c.check(); err != nil {
		return err
	}
	target := reflect.ValueOf(ptr)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("into a %T: it has to be a pointer that is not nil", ptr)
	}
	target = target.Elem()
	plan, err := codec.For(target.Type())
	if err != nil {
		return err
	}
	if c.outside && plan.Carries() {
		return fmt.Errorf("%v: %w", target.Type(), ErrNotShareable)
	}
	if m := c.memory(); m != nil {
		return m.recvValue(ctx, plan, target)
	}
	return c.recvWith(ctx, plan, target)
}

func (c *Conn) recvWith(ctx context.Context, plan *codec.Codec, target reflect.Value) error {
	buf := messageBuffers.Get().(*[]byte)
	defer messageBuffers.Put(buf)
	var msg []byte
	err := c.transport.Recv(ctx, func(size int) ([]byte, error) {
		if err := c.allows(size, codec.MaxMessage); err != nil {
			return nil, err
		}
		if msg == nil && size < largeMessage {
			msg = *buf
		}
		msg = transport.Careful(msg, size)
		if size < largeMessage {
			*buf = msg[:0]
		}
		msg = msg[:min(len(msg), size)]
		return msg, nil
	})
	switch {
	case err != nil:
		return err
	case len(msg) < largeMessage:
		return plan.Decode(msg, target)
	}
	return plan.DecodeAlias(msg, target)
}

// allows says whether a message of size bytes may come in: within max, if that is not
// 0, and the connection's own limit.
func (c *Conn) allows(size, max int) error {
	if c.max > 0 && (max == 0 || max > c.max) {
		max = c.max
	}
	if max > 0 && size > max {
		return &MessageTooLongError{Size: size, Max: max}
	}
	return nil
}

// Recv receives a value of type T from c: see Conn.Recv.
func Recv[T any](ctx context.Context, c *Conn) (T, error) {
	var v T
	if err := c.Recv(ctx, &v); err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// Poll waits until there is something to receive, which it leaves where it is: the
// beginning of a message, or the end of the connection. If ctx ends before, it returns
// false and ctx.Err(). It looks once also if ctx has ended already, so with such a
// context it is a question that does not wait.
func (c *Conn) Poll(ctx context.Context) (bool, error) {
	if err := c.check(); err != nil {
		return false, misuse("Conn.Poll", err)
	}
	already := ctx.Err()
	ready, err := c.transport.Poll(ctx)
	return ready, waitOutcome("Conn.Poll", already, err)
}

// Close closes the connection; calls that wait return ErrClosed. What has been sent
// still arrives, but not the rest of a message that was underway. Closing twice is
// fine.
func (c *Conn) Close() error {
	if c.check() != nil {
		return nil
	}
	return misuse("Conn.Close", c.transport.Close())
}

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() Addr {
	if c == nil {
		return Addr{}
	}
	return c.local
}

// RemoteAddr returns the address of the other end; that of whoever has dialled a unix
// socket is empty.
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
// from it or writes to it breaks the connection. A connection with TLS has none.
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
// Process.ExtraFiles. It waits until no message is half sent or half received. A
// connection with TLS cannot be handed over.
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
func FileConn(f *os.File) (*Conn, error) {
	s, err := socket.FromFile(f)
	if err != nil {
		return nil, misuse("FileConn", err)
	}
	return newSocketConn(s, s, 0), nil
}

// newSocketConn makes a connection over a socket, or what secures it.
func newSocketConn(s *socket.Conn, carrier transport.Carrier, max int) *Conn {
	c := &Conn{transport: stream.New(carrier), local: addrOf(s.Local), remote: addrOf(s.Remote), outside: true, max: max}
	if s.Local.Unix {
		_, c.peer, _ = s.Peer()
	}
	return c
}
