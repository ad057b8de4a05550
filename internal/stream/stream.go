// Package stream carries whole messages over a stream of bytes, in the framing of
// CPython's multiprocessing.connection:
//
//	length  signed, 32 bits, big endian
//	body    length bytes
//
// A message of more than 2^31-1 bytes has the length -1, then its real length in 64
// bits, big endian. Any other negative length, or one of more than 2^63-1, is garbage;
// where the next message begins is then unknown, and nothing more can be received.
//
// # Who waits for whom
//
// Any number of goroutines may send and receive. One at a time writes, and one reads;
// the others wait for their turn, each for as long as its context lasts. A context
// that ends does not put the stream out of step:
//
//   - A message that has arrived in part stays, and whoever receives next goes on.
//   - A message that has been sent in part is finished by a goroutine, from a copy;
//     Send returns the context's error, which then matches transport.ErrUnderway.
//     Of a message whose Send has failed without that, nothing has left.
//
// Nothing is read in advance: what has not been received is in the kernel, where
// another process that has the descriptor finds it, and poll(2) too.
//
// A reader parks at once. To poll for a while first, as internal/ipc does, is good only
// while CPUs are idle, which a pool knows of its workers and a connection of nobody: on
// a busy machine of two CPUs it made a message and its answer take 65 µs, not 13.
package stream

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"

	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/transport"
)

// A Stream is a transport.Transport over a carrier, which it owns.
type Stream struct {
	carrier transport.Carrier
	socket  *socket.Conn // the carrier, if it is a bare one

	reader, writer chan struct{} // full: somebody reads, or writes
	closed         chan struct{}
	once           sync.Once
	err            error

	in  inbound  // belongs to the reader
	now reading  // the same
	out outbound // belongs to the writer
}

var _ transport.Transport = (*Stream)(nil)

// New returns a stream over a carrier.
func New(c transport.Carrier) *Stream {
	s := &Stream{carrier: c, reader: make(chan struct{}, 1), writer: make(chan struct{}, 1), closed: make(chan struct{})}
	s.socket, _ = c.(*socket.Conn)
	return s
}

// take waits for the turn to read or to write.
func (s *Stream) take(ctx context.Context, turn chan struct{}) error {
	select {
	case <-s.closed:
		return transport.ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return transport.ErrClosed
	}
}

// Close closes the carrier, at once: calls that wait end with transport.ErrClosed,
// and what a goroutine was finishing is torn.
func (s *Stream) Close() error {
	s.once.Do(func() {
		close(s.closed)
		s.err = s.carrier.Close()
	})
	return s.err
}

// because turns an error of the carrier into one of the call that it ends.
func (s *Stream) because(ctx context.Context, err error) error {
	select {
	case <-s.closed:
		return transport.ErrClosed
	default:
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// ReadsAhead says whether what has not been received may be in the carrier already, as
// with TLS, and not in the kernel: then the socket does not tell of it.
func (s *Stream) ReadsAhead() bool { return s.socket == nil }

// SyscallConn gives access to the socket, to wait for it or to set its options.
func (s *Stream) SyscallConn() (syscall.RawConn, error) {
	if s.socket == nil {
		return nil, errNoSocket
	}
	return s.socket.SyscallConn()
}

// File returns a second descriptor of the socket. It waits until no message is half
// read or half sent.
func (s *Stream) File(ctx context.Context) (*os.File, error) {
	if s.socket == nil {
		return nil, errNoSocket
	}
	for _, turn := range []chan struct{}{s.reader, s.writer} {
		if err := s.take(ctx, turn); err != nil {
			return nil, err
		}
		defer func() { <-turn }()
	}
	if s.in.begun() {
		return nil, errHalfRead
	}
	if s.in.err != nil {
		return nil, s.in.err
	}
	if s.out.err != nil { // a part of a message may have left
		return nil, s.out.err
	}
	return s.socket.File()
}

var (
	errNoSocket = errors.New("what is on the socket is encrypted, and of use to this connection only")
	errHalfRead = errors.New("a message has been received in part: receive it first")
)
