package ipc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/sys"
)

const (
	// readBuffer holds the frames of a burst. It is small, for every worker
	// has one, and long bodies do not pass through it.
	readBuffer = 32 << 10
	// ownedBody is the length from which a body gets memory of its own, which
	// the receiver may keep.
	ownedBody = 1 << 20
	// pollFor is how long a Reader polls before it parks: about the price of
	// being woken.
	pollFor = 50 * time.Microsecond
	// growBody bounds the memory that a promised length gets in advance.
	growBody = 4 << 20
)

// A Reader takes frames from the reading end of a pipe. One goroutine at a
// time may call Next.
type Reader struct {
	// Poll says whether an answer is expected soon enough, and a CPU idle
	// enough, for polling. Nil means never. It is asked again while polling.
	Poll func() bool
	// BeforeWait, if not nil, is called when nothing is there to be read, before
	// the Reader polls or parks: the moment to send what others wait for.
	BeforeWait func()

	file *os.File
	conn syscall.RawConn

	buf  []byte // bytes from r to w have arrived and are not handed out
	r, w int
	body []byte // a long body that is not owned by the receiver

	// The long frame whose body has come in part, when a deadline has passed.
	part   Frame
	partOf int // its length; 0: there is none

	closed atomic.Bool

	// What attempt, which is handed to the poller, reads into and reports.
	dst     []byte
	n       int
	err     error
	idle    bool // BeforeWait has been called in this read
	attempt func(fd uintptr) bool
}

// NewReader returns a Reader on the reading end of a pipe, which it owns.
func NewReader(f *os.File) (*Reader, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &Reader{file: f, conn: conn}
	r.attempt = r.readOrPark
	return r, nil
}

// Close closes the pipe's end. A Next that waits returns os.ErrClosed.
func (r *Reader) Close() error {
	r.closed.Store(true)
	return r.file.Close()
}

// SetDeadline bounds the calls of Next; they then return
// os.ErrDeadlineExceeded and lose nothing.
func (r *Reader) SetDeadline(t time.Time) error { return r.file.SetReadDeadline(t) }

// Ready says whether Next can return a frame without reading from the pipe.
func (r *Reader) Ready() bool {
	have := r.w - r.r
	return have >= HeaderSize && have-HeaderSize >= int(ParseHeader(r.buf[r.r:]).Length)
}

// Next waits for the next frame. It returns io.EOF when the last holder of the
// writing end is gone and all whole frames have been handed out, and an error
// that matches io.ErrUnexpectedEOF when the peer went away in the middle of a
// frame.
func (r *Reader) Next() (Frame, error) {
	if r.partOf > 0 {
		return r.longBody()
	}
	for r.w-r.r < HeaderSize {
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) && r.w > r.r {
				return Frame{}, fmt.Errorf("in the header of a message: %w", io.ErrUnexpectedEOF)
			}
			return Frame{}, err
		}
	}
	h := ParseHeader(r.buf[r.r:])
	f := Frame{Kind: h.Kind, Number: h.Number}
	length := int(h.Length)
	if have := r.w - r.r - HeaderSize; have >= length || HeaderSize+length <= len(r.buf) {
		for r.w-r.r-HeaderSize < length {
			if err := r.fill(); err != nil {
				return Frame{}, torn(err, r.w-r.r-HeaderSize, length)
			}
		}
		r.r += HeaderSize
		f.Body = r.buf[r.r : r.r+length : r.r+length]
		r.r += length
		return f, nil
	}
	r.part, r.partOf = f, length
	r.part.Owned = length >= ownedBody
	if !r.part.Owned {
		r.part.Body = r.body
	}
	if cap(r.part.Body) < length {
		r.part.Body = make([]byte, 0, min(length, growBody))
	}
	r.part.Body = append(r.part.Body[:0], r.buf[r.r+HeaderSize:r.w]...)
	r.r, r.w = 0, 0
	return r.longBody()
}

// longBody reads on in a body that does not fit into the buffer, straight into
// memory of its own.
func (r *Reader) longBody() (Frame, error) {
	body, length := r.part.Body, r.partOf
	for len(body) < length {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(length, 2*cap(body)))
			copy(grown, body)
			body = grown
		}
		n, err := r.read(body[len(body):min(cap(body), length)])
		if err != nil {
			r.part.Body = body
			return Frame{}, torn(err, len(body), length)
		}
		body = body[:len(body)+n]
	}
	f := r.part
	f.Body = body
	if !f.Owned {
		r.body = body
	}
	r.part, r.partOf = Frame{}, 0
	return f, nil
}

// torn turns the end of the stream within a body into io.ErrUnexpectedEOF.
func torn(err error, have, length int) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("after %d of the %d bytes of a message: %w", have, length, err)
}

// Trim gives the memory of past long frames back.
func (r *Reader) Trim() {
	r.body = nil
	if r.r == r.w {
		r.buf, r.r, r.w = nil, 0, 0
	}
}

// fill reads more bytes into the buffer.
func (r *Reader) fill() error {
	if r.buf == nil {
		r.buf = make([]byte, readBuffer)
	}
	if r.r == r.w {
		r.r, r.w = 0, 0
	} else if len(r.buf)-r.r < readBuffer/2 || r.w == len(r.buf) {
		copy(r.buf, r.buf[r.r:r.w])
		r.r, r.w = 0, r.w-r.r
	}
	n, err := r.read(r.buf[r.w:])
	r.w += n
	return err
}

// read waits until at least one byte is there.
func (r *Reader) read(dst []byte) (int, error) {
	r.dst, r.idle = dst, false
	err := r.conn.Read(r.attempt)
	r.dst = nil
	switch {
	case r.closed.Load():
		return 0, os.ErrClosed
	case err != nil:
		return 0, err
	case r.err != nil:
		return 0, r.err
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

// readOrPark is called by the poller whenever the pipe may be readable; false
// sends it to sleep until the pipe is.
func (r *Reader) readOrPark(fd uintptr) bool {
	r.n, r.err = sys.Read(fd, r.dst)
	if r.err != sys.ErrWouldBlock {
		return true
	}
	if r.BeforeWait != nil && !r.idle {
		r.idle = true
		r.BeforeWait()
	}
	if r.Poll == nil || !r.Poll() {
		return false
	}
	for start := time.Now(); ; {
		for range 8 {
			runtime.Gosched()
			r.n, r.err = sys.Read(fd, r.dst)
			if r.err != sys.ErrWouldBlock {
				return true
			}
		}
		if time.Since(start) > pollFor || !r.Poll() {
			return false
		}
	}
}
