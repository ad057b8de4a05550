package stream

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/transport"
)

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
