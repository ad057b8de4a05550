package mpnet

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"syscall"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/travel"
)

func init() {
	register[net.Listener](net.FileListener)
	register[*net.TCPListener](net.FileListener)
	register[*net.UnixListener](net.FileListener)
	register[net.Conn](net.FileConn)
	register[*net.TCPConn](net.FileConn)
	register[*net.UnixConn](net.FileConn)
	register[*net.UDPConn](net.FileConn)
	register[net.PacketConn](net.FilePacketConn)
}

// register has values of type T travel by their descriptors, of which open makes one
// again.
func register[T, S any](open func(*os.File) (S, error)) {
	codec.RegisterSpecial(reflect.TypeFor[T](), codec.Special{
		Ext: travel.ExtFile, Append: appendSocket, Discard: travel.Discard,
		Decode: func(payload []byte, v reflect.Value) error {
			fd, err := travel.OpenDescriptor(payload)
			if err != nil {
				return err
			}
			f := os.NewFile(uintptr(fd), "socket")
			defer f.Close() // open makes another
			s, err := open(f)
			if err != nil {
				return travel.Arrival{Err: err}
			}
			if _, ok := any(s).(T); !ok {
				_ = any(s).(interface{ Close() error }).Close()
				return travel.Arrival{Err: fmt.Errorf("what has come is a %T", s)}
			}
			v.Set(reflect.ValueOf(s))
			return nil
		},
	})
}

// appendSocket encodes a socket as the reference to its descriptor.
func appendSocket(dst []byte, v reflect.Value) ([]byte, error) {
	s, ok := v.Interface().(syscall.Conn)
	if !ok {
		return dst, noSocket{v.Interface()}
	}
	if x := reflect.ValueOf(s); x.Kind() == reflect.Pointer && x.IsNil() {
		return dst, fmt.Errorf("a nil %T in an interface: %w", s, syscall.EINVAL)
	}
	c, err := s.SyscallConn()
	if err != nil {
		return dst, fmt.Errorf("a %T that nobody has opened: %w", s, err)
	}
	dst, err = travel.AppendDescriptor(dst, func(use func(fd uintptr)) error {
		err := c.Control(use)
		if errors.Is(err, net.ErrClosed) {
			return net.ErrClosed // without "raw-control", which nobody has called
		}
		return err
	})
	if err != nil {
		return dst, fmt.Errorf("%T: %w", s, err)
	}
	return dst, nil
}

// A noSocket is something that there is no descriptor of.
type noSocket struct{ x any }

// Error names its type.
func (e noSocket) Error() string {
	return fmt.Sprintf("a %T has no SyscallConn, and cannot be sent", e.x)
}

// Is says that it is an mp.ErrNotShareable.
func (e noSocket) Is(target error) bool { return target == mp.ErrNotShareable }
