package mp

import (
	"context"
	"fmt"

	"github.com/multiproc/mp/internal/transport"
)

// SendBytes sends b as a message: see Send. A Python program receives it with
// recv_bytes.
func (c *Conn) SendBytes(ctx context.Context, b []byte) error {
	if err := c.check(); err != nil {
		return misuse("Conn.SendBytes", err)
	}
	return waitOutcome("Conn.SendBytes", ctx.Err(), c.transport.Send(ctx, b))
}

// RecvBytes receives a message as bytes, which are the caller's. A message of more
// than max bytes is skipped, and a *MessageTooLongError; 0 is no limit but the
// connection's own, and a negative max an error. The memory for a large message is
// taken as it arrives, so that its sender cannot make this process reserve what it
// does not send. An empty message is an empty slice, not nil.
func (c *Conn) RecvBytes(ctx context.Context, max int) ([]byte, error) {
	already := ctx.Err()
	msg, err := c.recvBytes(ctx, max)
	return msg, received("Conn.RecvBytes", already, err)
}

func (c *Conn) recvBytes(ctx context.Context, max int) (msg []byte, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if max < 0 {
		return nil, fmt.Errorf("at most %d bytes: it cannot be negative", max)
	}
	err = c.transport.Recv(ctx, func(size int) ([]byte, error) {
		if err := c.allows(size, max); err != nil {
			return nil, err
		}
		msg = transport.Careful(msg, size)
		return msg, nil
	})
	if err != nil {
		return nil, err
	}
	if msg == nil {
		msg = []byte{}
	}
	return msg, nil
}

// RecvBytesInto receives a message as bytes into buf, and returns how many there are;
// what lies behind them in buf stays as it is. If the message is longer than buf, that
// is a *BufferTooShortError, which has the message; buf is untouched.
func (c *Conn) RecvBytesInto(ctx context.Context, buf []byte) (n int, err error) {
	if err := c.check(); err != nil {
		return 0, misuse("Conn.RecvBytesInto", err)
	}
	already := ctx.Err()
	var long []byte
	err = c.transport.Recv(ctx, func(size int) ([]byte, error) {
		if n = size; size <= len(buf) {
			return buf, nil
		}
		if err := c.allows(size, 0); err != nil {
			return nil, err
		}
		long = transport.Careful(long, size)
		return long, nil
	})
	switch {
	case err != nil:
		return 0, received("Conn.RecvBytesInto", already, err)
	case n > len(buf):
		return 0, &BufferTooShortError{Message: long, Buffer: len(buf)}
	}
	return n, nil
}
