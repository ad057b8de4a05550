package mp

import (
	"fmt"
	"reflect"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shmfile"
	"github.com/multiproc/mp/internal/travel"
)

// A handle of named shared memory travels as what the block is known by. The
// receiver opens it anew, and finds out whether it is still the same.

func init() {
	codec.RegisterSpecial(reflect.TypeFor[*SharedMemory](), codec.Special{
		Ext: travel.ExtSharedMemory,
		Append: func(dst []byte, v reflect.Value) ([]byte, error) {
			return v.Interface().(*SharedMemory).appendRef(dst)
		},
		Decode: func(payload []byte, v reflect.Value) error {
			s, err := receiveSharedMemory(payload)
			if err == nil {
				v.Set(reflect.ValueOf(s))
			}
			return err
		},
	})
	codec.RegisterSpecial(reflect.TypeFor[*ShareableList](), codec.Special{
		Ext: travel.ExtShareableList,
		Append: func(dst []byte, v reflect.Value) ([]byte, error) {
			l := v.Interface().(*ShareableList)
			if l.memory == nil {
				return dst, errNoMemory
			}
			return l.memory.appendRef(dst)
		},
		Decode: func(payload []byte, v reflect.Value) error {
			s, err := receiveSharedMemory(payload)
			if err != nil {
				return err
			}
			l, err := newShareableList(s)
			if err != nil {
				return travel.Arrival{Err: err}
			}
			v.Set(reflect.ValueOf(l))
			return nil
		},
	})
}

// appendRef appends the payload of the extension.
func (s *SharedMemory) appendRef(dst []byte) ([]byte, error) {
	if s.block == nil {
		return dst, errNoMemory
	}
	if s.block.Closed() {
		return dst, fmt.Errorf("%v %w", s, ErrClosed)
	}
	return s.block.Append(dst), nil
}

// receiveSharedMemory opens the block that a payload refers to.
func receiveSharedMemory(payload []byte) (*SharedMemory, error) {
	ref, err := shmfile.ParseRef(payload)
	if err != nil {
		return nil, err
	}
	b, err := ref.Open()
	if err != nil {
		return nil, travel.Arrival{Err: err}
	}
	return newSharedMemory(b), nil
}
