package stream

import (
	"errors"
	"syscall"

	"github.com/multiproc/mp/internal/transport"
)

// Lend calls use with the socket, which then stands between two messages in both
// directions: nothing of what is in the kernel is missing. It does not wait; while
// somebody sends, or receives, or waits for that, it is an error; so it is after a
// failed send, which may have left a part of its message there.
func (s *Stream) Lend(use func(c syscall.RawConn) error) error {
	if s.socket == nil {
		return errNoSocket
	}
	for _, turn := range []chan struct{}{s.reader, s.writer} {
		select {
		case <-s.closed:
			return transport.ErrClosed
		default:
		}
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		default:
			return errBusy
		}
	}
	if s.in.begun() {
		return errHalfRead
	}
	if s.out.err != nil {
		return s.out.err
	}
	c, err := s.socket.SyscallConn()
	if err != nil {
		return err
	}
	return use(c)
}

var errBusy = errors.New("a message is being sent or received, or waited for, at this moment")
