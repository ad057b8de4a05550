package fdstore

import (
	"sync/atomic"
	"unsafe"

	"github.com/multiproc/mp/internal/shm"
)

// A record is the memory of the root object. The lock of the object is over it.
type record struct {
	owner   uint32 // written last, and cleared first
	pid     uint32
	name    [nameSize]byte
	secret  [secretSize]byte
	network uint64
}

const recordSize = uint64(unsafe.Sizeof(record{}))

// recordOf returns the memory of the root object.
func recordOf(o *shm.Object) (*record, error) {
	p, size := o.Memory()
	if size < recordSize {
		return nil, shm.ErrDamaged
	}
	return (*record)(p), nil
}

// read returns the place that is written there. If the writer has died over it, that
// is nobody's.
func (r *record) read() place {
	return place{owner: atomic.LoadUint32(&r.owner), pid: r.pid, name: r.name, secret: r.secret, network: r.network}
}

func (r *record) write(p place) {
	atomic.StoreUint32(&r.owner, 0)
	r.pid, r.name, r.secret, r.network = p.pid, p.name, p.secret, p.network
	atomic.StoreUint32(&r.owner, p.owner)
}
