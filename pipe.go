package mp

import (
	"context"
	"errors"
	"io"
	"reflect"
	"sync"
	"syscall"

	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/transport"
	"github.com/multiproc/mp/internal/travel"
)

// Pipe makes a connection between two processes of the family, or two goroutines:
// what is sent at one end is received at the other. The messages go through shared
// memory. Pass an end as, or in, the argument of a task, or through another
// connection or a queue, and close it here: when the last process that has an end
// has closed or dropped it, or ended, the other end finds io.EOF behind what was sent.
//
// Send waits while 1024 messages are under way, or 4 MiB of messages that are larger
// than 8 KiB.
//
// Pipe returns ErrNotInitialized before Init, and ErrNoMemory if there is no memory
// for it.
func Pipe() (a, b *Conn, err error) {
	toB, fromA, err := simplex("Pipe")
	if err != nil {
		return nil, nil, err
	}
	toA, fromB, err := simplex("Pipe")
	if err != nil {
		toB.Close()
		fromA.Close()
		return nil, nil, err
	}
	return joinEnds(fromA, toA), joinEnds(fromB, toB), nil
}

// Simplex makes a connection of one direction: see Pipe. To send at the end that
// receives, or to receive at the one that sends, is an error.
func Simplex() (recv, send *Conn, err error) { return simplex("Simplex") }

func simplex(what string) (recv, send *Conn, err error) {
	if err := ready("mp: " + what); err != nil {
		return nil, nil, err
	}
	a, err := shm.Default()
	if err != nil {
		return nil, nil, misuse(what, err)
	}
	taker, sender, err := fifo.NewPipe(a)
	if err != nil {
		return nil, nil, misuse(what, err)
	}
	recv, err = newMemoryConn(nil, taker)
	if err != nil {
		_ = sender.Drop()
		return nil, nil, misuse(what, err)
	}
	send, err = newMemoryConn(sender, nil)
	if err != nil {
		recv.Close()
		return nil, nil, misuse(what, err)
	}
	return recv, send, nil
}

// joinEnds makes one connection of one that sends and one that receives.
func joinEnds(send, recv *Conn) *Conn {
	sender, taker := send.memory().sender.Object(), recv.memory().taker.Object()
	sender.Share()
	taker.Share()
	c, err := newMemoryConn(sender, taker)
	send.Close()
	recv.Close()
	misused("Pipe", err) // both have been opened just now
	return c
}

// memory carries messages through shared memory.
type memory struct {
	sender, taker shm.Handle
	out, in       *fifo.Queue // nil: not in that direction
}

// newMemoryConn makes a connection of the ends of pipes, which become its own; each
// may be nil.
func newMemoryConn(sender, taker *shm.Object) (*Conn, error) {
	m := new(memory)
	for _, end := range []struct {
		h *shm.Handle
		o *shm.Object
		q **fifo.Queue
	}{{&m.sender, sender, &m.out}, {&m.taker, taker, &m.in}} {
		if end.o == nil {
			continue
		}
		q, err := fifo.OpenEnd(end.h, end.o)
		if err != nil {
			return nil, errors.Join(err, dropEnds(sender, taker))
		}
		*end.q = q
	}
	if sender != nil {
		shm.Bind(m, &m.sender, sender)
	}
	if taker != nil {
		shm.Bind(m, &m.taker, taker)
	}
	return &Conn{transport: m}, nil
}

func dropEnds(ends ...*shm.Object) (err error) {
	for _, o := range ends {
		if o != nil {
			err = errors.Join(err, o.Drop())
		}
	}
	return err
}

// Errors of connections of one direction.
var (
	errReceives = errors.New("this end only receives")
	errSends    = errors.New("this end only sends")
)

// memory returns what carries the messages, if that is shared memory.
func (c *Conn) memory() *memory {
	m, _ := c.transport.(*memory)
	return m
}

// directions says what can be done at this end.
func (m *memory) directions() string {
	switch {
	case m.out == nil:
		return "the receiving end of a pipe"
	case m.in == nil:
		return "the sending end of a pipe"
	default:
		return "one end of a pipe"
	}
}

// Send implements transport.Transport.
func (m *memory) Send(ctx context.Context, msg []byte) error { return m.sendWith(ctx, msg, nil) }

// sendWith sends a message that refers to the objects in cells.
func (m *memory) sendWith(ctx context.Context, msg []byte, cells []uint32) error {
	if m.out == nil {
		return errReceives
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := m.out.Put(ctx, fifo.Message{Head: msg, Cells: cells})
	if errors.Is(err, fifo.ErrGone) {
		return syscall.EPIPE
	}
	return err
}

// sendReferring sends a message that has handles in it.
func (m *memory) sendReferring(ctx context.Context, plan *codec.Codec, msg []byte) error {
	luggage, err := travel.Pack(plan, msg)
	if err != nil {
		return err
	}
	defer luggage.Drop()
	return m.sendWith(ctx, msg, luggage.Cells())
}

// Recv implements transport.Transport.
func (m *memory) Recv(ctx context.Context, take transport.Take) error {
	return m.recvWith(ctx, func(item *fifo.Item) error {
		payload, err := item.Payload()
		if err != nil {
			return err
		}
		return transport.Fill(len(payload), take, func(p []byte) error {
			payload = payload[copy(p, payload):]
			return nil
		})
	})
}

// recvValue takes a message and decodes it.
func (m *memory) recvValue(ctx context.Context, plan *codec.Codec, target reflect.Value) error {
	return m.recvWith(ctx, func(item *fifo.Item) error {
		payload, err := payloadFor(plan, item)
		if err != nil {
			return err
		}
		return plan.Decode(payload, target)
	})
}

// messages are for what is received.
var messages = sync.Pool{New: func() any { return new(fifo.Item) }}

// recvWith takes a message and has use look at it, while the objects that it refers
// to are held.
func (m *memory) recvWith(ctx context.Context, use func(item *fifo.Item) error) error {
	if m.in == nil {
		return errSends
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	item := messages.Get().(*fifo.Item)
	defer messages.Put(item)
	err := m.in.Take(ctx, item)
	if errors.Is(err, fifo.ErrShut) {
		return io.EOF
	}
	if err != nil {
		return err
	}
	defer item.Drop()
	return use(item)
}

// Poll implements transport.Transport.
func (m *memory) Poll(ctx context.Context) (bool, error) {
	if m.in == nil {
		return false, errSends
	}
	err := m.in.Poll(ctx)
	return err == nil, err
}

// Close implements transport.Transport.
func (m *memory) Close() error {
	return errors.Join(m.out.Close(), m.in.Close())
}
