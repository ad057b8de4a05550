package mp

import (
	"fmt"
	"os"
	"reflect"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/travel"
)

// maxFileName bounds the name that travels with a file.
const maxFileName = 4096

func init() {
	codec.RegisterSpecial(reflect.TypeFor[*os.File](), codec.Special{
		Ext: travel.ExtFile, Append: appendFile, Decode: decodeFile, Discard: travel.Discard,
	})
}

// appendFile encodes a file as the reference to a second descriptor, which is made
// here, and its name.
func appendFile(dst []byte, v reflect.Value) ([]byte, error) {
	f := v.Interface().(*os.File)
	if *f == (os.File{}) {
		return dst, fmt.Errorf("an os.File that nobody has opened: %w", os.ErrInvalid)
	}
	c, err := f.SyscallConn() // Fd could make it blocking, here and for the receiver
	if err != nil {
		return dst, err
	}
	dst, err = travel.AppendDescriptor(dst, func(use func(fd uintptr)) error {
		if c.Control(use) != nil {
			return os.ErrClosed // there is no other reason
		}
		return nil
	})
	if err != nil {
		return dst, fmt.Errorf("%s: %w", f.Name(), err)
	}
	name := f.Name()
	return append(dst, name[max(0, len(name)-maxFileName):]...), nil
}

// decodeFile makes a file of a descriptor of its own. Whether it is blocking is a
// property of what both descriptors are of: so it is as the sender has it.
func decodeFile(payload []byte, v reflect.Value) error {
	if len(payload) > travel.Size+maxFileName {
		return fmt.Errorf("a file's name of %d bytes", len(payload)-travel.Size)
	}
	fd, err := travel.OpenDescriptor(payload)
	if err != nil {
		return err
	}
	v.Set(reflect.ValueOf(os.NewFile(uintptr(fd), string(payload[travel.Size:]))))
	return nil
}
