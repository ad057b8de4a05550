package mp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"syscall"

	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/stream"
	"github.com/multiproc/mp/internal/travel"
)

func init() {
	codec.RegisterSpecial(reflect.TypeFor[*Conn](), codec.Special{
		Ext: travel.ExtConn, Append: appendConn, Decode: decodeConn, Discard: travel.Discard,
	})
}

// appendConn encodes one end of a pipe as the references to what it sends to and to
// what it takes from, of which one may be missing: all zeros. A connection over a
// socket is its descriptor.
func appendConn(dst []byte, v reflect.Value) ([]byte, error) {
	c := v.Interface().(*Conn)
	if err := c.check(); err != nil {
		return dst, err
	}
	m := c.memory()
	if m == nil {
		return c.appendSocket(dst)
	}
	for _, h := range []*shm.Handle{&m.sender, &m.taker} {
		var r shm.Ref
		if o := h.Object(); o != nil {
			if err := h.Check(); err != nil {
				return dst, err
			}
			r = o.Ref()
		}
		dst = travel.Append(dst, r)
	}
	return dst, nil
}

// appendSocket encodes a connection over a socket. All but the limit the receiver
// learns from the socket.
func (c *Conn) appendSocket(dst []byte) ([]byte, error) {
	s, ok := c.transport.(*stream.Stream)
	if !ok {
		return dst, notShareable{errNoDescriptor}
	}
	if _, err := s.SyscallConn(); err != nil {
		return dst, notShareable{err} // TLS
	}
	out := dst
	err := s.Lend(func(rc syscall.RawConn) (err error) {
		out, err = travel.AppendDescriptor(dst, rc.Control)
		return err
	})
	if err != nil {
		return dst, fmt.Errorf("%v: %w", c, err)
	}
	return binary.BigEndian.AppendUint64(out, uint64(c.max)), nil
}

// notShareable is ErrNotShareable for a reason of its own.
type notShareable struct{ error }

func (e notShareable) Unwrap() error        { return e.error }
func (e notShareable) Is(target error) bool { return target == ErrNotShareable }

func decodeConn(payload []byte, v reflect.Value) error {
	c, err := connFrom(payload)
	if err != nil {
		return err
	}
	v.Set(reflect.ValueOf(c))
	return nil
}

func connFrom(payload []byte) (*Conn, error) {
	if len(payload) == travel.SocketSize {
		return socketFrom(payload)
	}
	refs, err := travel.ParseConn(payload)
	if err != nil {
		return nil, err
	}
	var ends [2]*shm.Object
	for i, kind := range []shm.Kind{fifo.KindSender, fifo.KindTaker} {
		if refs[i] == (shm.Ref{}) {
			continue
		}
		if err = shm.ErrKind; refs[i].Kind == kind {
			ends[i], err = shm.Open(refs[i])
		}
		if err != nil {
			return nil, errors.Join(err, dropEnds(ends[:]...))
		}
	}
	return newMemoryConn(ends[0], ends[1])
}

func socketFrom(payload []byte) (*Conn, error) {
	limit := binary.BigEndian.Uint64(payload[travel.Size:])
	if limit > math.MaxInt {
		return nil, fmt.Errorf("a limit of %d bytes for messages", limit)
	}
	fd, err := travel.OpenDescriptor(payload)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "mp-socket")
	defer f.Close()
	s, err := socket.FromFile(f)
	if err != nil {
		return nil, travel.Arrival{Err: err}
	}
	return newSocketConn(s, s, int(limit)), nil
}
