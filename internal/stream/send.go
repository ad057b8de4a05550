package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"syscall"

	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/transport"
)

const (
	// headerSize is that of the usual header, longHeader that of large messages.
	headerSize = 4
	longHeader = 12
	// together is the size up to which header and body are copied into one buffer:
	// cheaper than to hand two to the kernel.
	together = 16 << 10
)

// outbound is the state of the sending side.
type outbound struct {
	err    error // nothing more can be sent
	header [longHeader]byte
	buf    []byte
}

// Send sends a message. It returns when the message is with the kernel, or ctx ends:
// see the package's comment.
func (s *Stream) Send(ctx context.Context, msg []byte) error {
	if err := s.take(ctx, s.writer); err != nil {
		return err
	}
	if err := s.out.err; err != nil {
		<-s.writer
		return err
	}
	if s.socket == nil {
		return s.sendThrough(ctx, msg)
	}
	head, body := putHeader(s.out.header[:], len(msg)), msg
	if len(msg) <= together {
		s.out.buf = append(append(s.out.buf[:0], head...), msg...)
		head, body = s.out.buf, nil
	}
	return s.sendSocket(ctx, head, body, len(head)+len(body))
}

// sendSocket sends, and gives the turn back, now or when the rest has left.
func (s *Stream) sendSocket(ctx context.Context, head, body []byte, size int) error {
	for left := size; ; {
		n, err := s.socket.TrySend(head, body)
		if err == sys.ErrWouldBlock {
			stop := socket.Until(ctx, s.socket.SetWriteDeadline)
			n, err = s.socket.Send(head, body)
			stop()
		}
		left -= n
		head, body = advance(head, body, n)
		switch {
		case err == nil && left > 0:
			continue
		case err == nil:
			<-s.writer
			return nil
		}
		sent := size - left
		if err = s.because(ctx, err); err == ctx.Err() && sent > 0 {
			go func(rest []byte) { _ = s.finish(rest) }(append(append(make([]byte, 0, left), head...), body...))
			return fmt.Errorf("%w after %d of %d bytes: %w", err, sent, size, transport.ErrUnderway)
		}
		if err != ctx.Err() && err != transport.ErrClosed {
			s.out.err = gone(err)
			err = s.out.err
		}
		<-s.writer
		return err
	}
}

// finish sends what is left of a message, whatever becomes of its Send, and gives the
// turn back.
func (s *Stream) finish(rest []byte) error {
	_, err := s.carrier.Write(rest)
	if err != nil {
		err = gone(s.because(context.Background(), err))
		s.out.err = err
	}
	<-s.writer
	return err
}

// sendThrough sends over a carrier that a deadline breaks while it writes, as it does
// TLS: so what has begun is finished whatever happens to ctx.
func (s *Stream) sendThrough(ctx context.Context, msg []byte) error {
	whole := append(putHeader(make([]byte, longHeader, longHeader+len(msg)), len(msg)), msg...)
	if ctx.Done() == nil {
		return s.finish(whole)
	}
	done := make(chan error, 1)
	go func() { done <- s.finish(whole) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ctx.Err(), transport.ErrUnderway)
	}
}

// putHeader writes the header of a message into buf and returns it.
func putHeader(buf []byte, size int) []byte {
	if size <= math.MaxInt32 {
		binary.BigEndian.PutUint32(buf, uint32(size))
		return buf[:headerSize]
	}
	binary.BigEndian.PutUint32(buf, math.MaxUint32) // -1
	binary.BigEndian.PutUint64(buf[headerSize:], uint64(size))
	return buf[:longHeader]
}

// advance takes n bytes off head and then off body.
func advance(head, body []byte, n int) (_, _ []byte) {
	if n < len(head) {
		return head[n:], body
	}
	return body[n-len(head):], nil
}

// gone makes sure that the error of sending to an end that is gone is EPIPE.
func gone(err error) error {
	if errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("%w (%w)", syscall.EPIPE, err)
	}
	return err
}
