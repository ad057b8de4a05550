package mp

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"sync"

	"github.com/multiproc/mp/internal/auth"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/transport"
)

// A Conn is one end of a connection, over which whole messages go both ways. Dial,
// Accept, Pipe, Simplex and FileConn make one; a zero or nil Conn returns errors.
//
// Any number of goroutines may use it, each with its own context. A context that ends
// leaves the connection in step: see Send. When the other end is gone, Recv and its
// like return what was sent whole, and then io.EOF; if it went in the middle of a
// message, io.ErrUnexpectedEOF; and Send returns syscall.EPIPE. io.EOF is returned as
// it is. Close ends all calls, with ErrClosed.
type Conn struct {
	transport     transport.Transport
	socket        *socket.Conn // that carries it; nil: it is memory
	local, remote Addr
	// outside says that the other end may be of another family of processes.
	outside bool
	max     int  // of a message to receive; 0: no limit
	peer    int  // the process at the other end; 0: not known
	keyless bool // it has been dialled without a key
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
// travel is an error, and nothing is sent; a message has room for 4 GiB and for handles
// on 40 objects.
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
		runtime.KeepAlive(v) // its handles, up to here
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
	return received("Conn.Recv", ctx.Err(), c.recv(ctx, ptr))
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
		err = plan.Decode(msg, target)
	default:
		err = plan.DecodeAlias(msg, target)
	}
	if err != nil && c.keyless && auth.IsChallenge(msg) {
		return errKeyless
	}
	return err
}

// errKeyless is the error of receiving a message that can only be the beginning of a
// handshake that this end does not take part in.
var errKeyless = fmt.Errorf("%w: the listener asks for a key: set Dialer.Auth", ErrAuthentication)

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
// false and an error that matches ctx.Err(), and ErrTimeout if it was its deadline. It
// looks once also if ctx has ended already, so with such a context it is a question that
// does not wait.
func (c *Conn) Poll(ctx context.Context) (bool, error) {
	if err := c.check(); err != nil {
		return false, misuse("Conn.Poll", err)
	}
	already := ctx.Err()
	if already != nil && c.socket != nil {
		rc, err := c.socket.SyscallConn()
		if err != nil {
			return false, misuse("Conn.Poll", closedFile{err})
		}
		ready, err := c.look(rc)
		if !ready && err == nil {
			return false, already
		}
		return ready, misuse("Conn.Poll", err)
	}
	ready, err := c.transport.Poll(ctx)
	return ready, waitOutcome("Conn.Poll", already, err)
}

// Close closes the connection; calls that wait return ErrClosed. What has been sent
// still arrives, but not the rest of a message that was underway; over tcp only if
// this end has received all that was sent to it, for otherwise the system resets the
// connection. Closing twice is fine.
func (c *Conn) Close() error {
	if c.check() != nil {
		return nil
	}
	return misuse("Conn.Close", c.transport.Close())
}
