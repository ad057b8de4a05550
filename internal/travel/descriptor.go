package travel

import (
	"sync"

	"github.com/multiproc/mp/internal/fdstore"
	"github.com/multiproc/mp/internal/shm"
)

// fresh are the objects of descriptors that have been encoded. The encoding makes
// them, so nobody holds them for the message but this table, until Pack takes them.
var fresh struct {
	sync.Mutex
	objects map[shm.Ref]*shm.Object
}

// keep holds an object until it is packed.
func keep(o *shm.Object) {
	fresh.Lock()
	defer fresh.Unlock()
	if fresh.objects == nil {
		fresh.objects = make(map[shm.Ref]*shm.Object)
	}
	fresh.objects[o.Ref()] = o
}

// takeFresh returns a fresh object, which is the caller's then; nil if it is not fresh.
func takeFresh(r shm.Ref) *shm.Object {
	if r.Kind != fdstore.Kind {
		return nil
	}
	fresh.Lock()
	defer fresh.Unlock()
	o := fresh.objects[r]
	delete(fresh.objects, r)
	return o
}

// AppendDescriptor puts a descriptor under way and appends the reference to it, for a
// codec.Special whose Discard is that of this package. Who encodes has to call Pack.
// control is the Control of a syscall.RawConn.
func AppendDescriptor(dst []byte, control func(use func(fd uintptr)) error) ([]byte, error) {
	var o *shm.Object
	var err error
	if closed := control(func(fd uintptr) { o, err = fdstore.Put(int(fd)) }); closed != nil {
		return dst, closed
	}
	if err != nil {
		return dst, err
	}
	keep(o)
	return Append(dst, o.Ref()), nil
}

// Discard takes back what AppendDescriptor has done for a payload that begins with
// what it has appended, and has not been packed. For others it does nothing.
func Discard(payload []byte) {
	if r, err := first(payload); err == nil {
		if o := takeFresh(r); o != nil {
			_ = o.Drop()
		}
	}
}

// OpenDescriptor returns a new descriptor of what a payload begins with the reference
// to. It is the caller's, and closed at exec.
func OpenDescriptor(payload []byte) (fd int, err error) {
	r, err := first(payload)
	if err != nil {
		return -1, err
	}
	if r.Kind != fdstore.Kind {
		return -1, shm.ErrKind
	}
	if fd, err = fdstore.Get(r); err != nil {
		return -1, Arrival{err}
	}
	return fd, nil
}

// first returns the reference that a payload begins with.
func first(payload []byte) (shm.Ref, error) { return Parse(payload[:min(Size, len(payload))]) }
