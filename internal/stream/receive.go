package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/transport"
)

// skipBuffer is where the bytes of a refused message go, some at a time.
const skipBuffer = 64 << 10

// inbound is the state of the receiving side: what there is of a message when a
// context ends.
type inbound struct {
	err    error // nothing more can be received
	header [longHeader]byte
	have   int // bytes of the header
	size   int // of the message; known when the header is whole
	whole  bool

	part []byte // the beginning of the body

	skipping bool
	skip     int // bytes to skip yet
}

// begun says whether a part of a message has been taken from the carrier.
func (in *inbound) begun() bool { return in.have > 0 }

// Recv receives a message. See transport.Transport.
func (s *Stream) Recv(ctx context.Context, take transport.Take) error {
	if err := s.take(ctx, s.reader); err != nil {
		return err
	}
	defer func() { <-s.reader }()
	r := s.reading(ctx)
	defer r.end()
	if err := s.next(r); err != nil {
		return err
	}
	part, have := s.in.part, 0 // have bytes of the body are in room
	var room []byte
	var broken error // while reading; another error is a refusal
	err := transport.Fill(s.in.size, func(size int) (_ []byte, err error) {
		room, err = take(size)
		return room, err
	}, func(p []byte) error {
		if have < len(part) {
			n := copy(p, part[have:])
			have, p = have+n, p[n:]
		}
		n, err := r.full(p)
		if have += n; err != nil {
			s.in.part = append(part, room[min(len(part), have):have]...)
			broken = err
		}
		return err
	})
	switch {
	case err == nil:
		s.in.next()
	case broken == nil:
		s.in.skipping, s.in.skip = true, s.in.size-max(have, len(part))
		_ = s.skip(r) // whoever comes next finds out what ended it, and goes on
	}
	return err
}

// next makes the stream ready for the next message.
func (in *inbound) next() { *in = inbound{err: in.err} }

// Poll waits until a message has begun to arrive, or the end has come.
func (s *Stream) Poll(ctx context.Context) (bool, error) {
	if ctx.Err() == nil {
		if err := s.take(ctx, s.reader); err != nil {
			return false, err
		}
	} else {
		// Too late to wait, but not to look; somebody who reads is waiting for what is
		// not there.
		select {
		case <-s.closed:
			return false, transport.ErrClosed
		case s.reader <- struct{}{}:
		default:
			return false, ctx.Err()
		}
	}
	defer func() { <-s.reader }()
	r := s.reading(ctx)
	defer r.end()
	if s.in.skipping {
		if err := s.skip(r); err != nil {
			return s.in.err != nil, s.notOver(err)
		}
	}
	switch {
	case s.in.begun() || s.in.err != nil:
		return true, nil
	case s.socket == nil: // what is encrypted tells only when it is read
		err := r.header(1)
		return err == nil || s.in.err != nil, s.notOver(err)
	}
	ready, err := s.socket.Ready()
	if err == nil && !ready {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		r.arm()
		err = s.socket.AwaitReady()
	}
	return err == nil, s.because(ctx, err)
}

// notOver hides an error that the next Recv will return.
func (s *Stream) notOver(err error) error {
	if s.in.err != nil {
		return nil
	}
	return err
}

// next reads the header of the next message that is not to be skipped.
func (s *Stream) next(r *reading) error {
	if s.in.skipping {
		if err := s.skip(r); err != nil {
			return err
		}
	}
	if s.in.err != nil {
		return s.in.err
	}
	if s.in.whole {
		return nil
	}
	if err := r.header(headerSize); err != nil {
		return err
	}
	short := int32(binary.BigEndian.Uint32(s.in.header[:]))
	size := uint64(short)
	if short == -1 {
		if err := r.header(longHeader); err != nil {
			return err
		}
		size = binary.BigEndian.Uint64(s.in.header[headerSize:])
	}
	if short < -1 || size > math.MaxInt {
		s.in.err = fmt.Errorf("%w: a message begins with % x, which is no length", transport.ErrBrokenFraming, s.in.header[:s.in.have])
		return s.in.err
	}
	s.in.size, s.in.whole = int(size), true
	return nil
}

// skip reads the rest of a refused message away.
func (s *Stream) skip(r *reading) error {
	buf := make([]byte, min(skipBuffer, s.in.skip))
	for s.in.skip > 0 {
		n, err := r.full(buf[:min(len(buf), s.in.skip)])
		if s.in.skip -= n; err != nil {
			return err
		}
	}
	s.in.next()
	return nil
}

// A reading is one call that reads.
type reading struct {
	s      *Stream
	ctx    context.Context
	disarm func()
}

// reading begins one. The caller has the turn.
func (s *Stream) reading(ctx context.Context) *reading {
	s.now = reading{s: s, ctx: ctx}
	return &s.now
}

// arm makes the end of ctx wake the reader.
func (r *reading) arm() {
	if r.disarm == nil {
		r.disarm = socket.Until(r.ctx, r.s.carrier.SetReadDeadline)
	}
}

// end takes that back.
func (r *reading) end() {
	if r.disarm != nil {
		r.disarm()
	}
	r.s.now = reading{}
}

// header reads until there are want bytes of the header.
func (r *reading) header(want int) error {
	in := &r.s.in
	for in.have < want {
		n, err := r.full(in.header[in.have:want])
		if in.have += n; err != nil {
			return err
		}
	}
	return nil
}

// full reads all of p. The end of the stream is io.EOF between messages and
// io.ErrUnexpectedEOF within one; nothing can be received after it.
func (r *reading) full(p []byte) (have int, err error) {
	for have < len(p) {
		n, err := r.read(p[have:])
		have += n
		if err != nil {
			return have, r.failed(err, have)
		}
	}
	return have, nil
}

func (r *reading) read(p []byte) (n int, err error) {
	c := r.s.socket
	if c == nil {
		r.arm()
		return r.s.carrier.Read(p)
	}
	n, err = c.TryRead(p)
	if err == sys.ErrWouldBlock {
		r.arm()
		n, err = c.Await(p)
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// failed says what an error of the carrier means, have bytes into what was wanted.
func (r *reading) failed(err error, have int) error {
	s := r.s
	err = s.because(r.ctx, err)
	if err == transport.ErrClosed || err == r.ctx.Err() {
		return err
	}
	between := !s.in.begun() && have == 0
	switch {
	case socket.Reset(err) && between && s.socket != nil && s.socket.Local.Unix:
		err = io.EOF // it had not read all that we have sent
	case socket.Reset(err):
		err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	case errors.Is(err, io.EOF) && !between:
		err = fmt.Errorf("in the middle of a message: %w", io.ErrUnexpectedEOF)
	}
	s.in.err = err
	return err
}
