package stream

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/multiproc/mp/internal/transport"
)

// skipBuffer is where the bytes of a refused message go, some at a time.
const skipBuffer = 64 << 10

// skipBuffers is how many of them one who has refused a message reads away at the most.
const skipBuffers = 16

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
		s.skipWhatIsThere() // a peer that has claimed too much may never send the rest
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

// skipWhatIsThere reads what has come of a refused message away, for others may have
// the same socket. The rest is for whoever comes next.
func (s *Stream) skipWhatIsThere() {
	if s.socket == nil { // what is encrypted tells only when it is read
		return
	}
	buf := make([]byte, min(skipBuffer, s.in.skip))
	for range skipBuffers {
		if s.in.skip == 0 {
			s.in.next()
			return
		}
		n, err := s.socket.TryRead(buf[:min(len(buf), s.in.skip)])
		if s.in.skip -= n; err != nil || n == 0 {
			return // whoever comes next finds out what ended it
		}
	}
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
