package mp

import (
	"sync/atomic"
	"unsafe"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// inCell is the largest value that lies in its object's cell and is changed by one
// store.
const inCell = 8

// place returns where the value of an object lies.
func place[T any](o *shm.Object) *T {
	if unsafe.Sizeof(*new(T)) <= inCell {
		return (*T)(unsafe.Pointer(o.Wide(shm.CellBody)))
	}
	p, _ := o.Memory()
	return (*T)(p)
}

// next returns where a value that does not lie in its cell is prepared.
func next[T any](o *shm.Object) *T {
	p, size := o.Memory()
	return (*T)(unsafe.Add(p, size/2))
}

// valueSize returns how much memory an object for a T needs from the heap.
func valueSize[T any]() uint64 {
	if size := uint64(unsafe.Sizeof(*new(T))); size > inCell {
		return 2 * ((size + 7) &^ 7)
	}
	return 0
}

// storeWhole stores x so that whoever dies meanwhile leaves the old value or x.
//
// Precondition: the caller excludes others that store.
func storeWhole[T any](o *shm.Object, p *T, x *T) {
	if unsafe.Sizeof(*x) > inCell {
		n := next[T](o)
		*n = *x
		robust.Commit(o, func() { *p = *n })
		return
	}
	storeSmall(unsafe.Pointer(p), unsafe.Pointer(x), unsafe.Sizeof(*x))
}

// storeSmall stores size bytes by one instruction. What is behind them in the
// eight bytes of a cell is padding.
func storeSmall(p, x unsafe.Pointer, size uintptr) {
	switch size {
	case 0:
	case 1:
		*(*uint8)(p) = *(*uint8)(x)
	case 2:
		*(*uint16)(p) = *(*uint16)(x)
	case 4:
		*(*uint32)(p) = *(*uint32)(x)
	case 8:
		*(*uint64)(p) = *(*uint64)(x)
	default:
		var whole uint64
		copy((*[8]byte)(unsafe.Pointer(&whole))[:], unsafe.Slice((*byte)(x), size))
		*(*uint64)(p) = whole
	}
}

// loadSmall loads a value of a cell by one instruction.
func loadSmall[T any](p *T) (x T) {
	if unsafe.Sizeof(x) <= inCell {
		whole := atomic.LoadUint64((*uint64)(unsafe.Pointer(p)))
		return *(*T)(unsafe.Pointer(&whole))
	}
	return *p
}

// finish carries out a change of the value that a holder of its lock had decided
// on before it died.
func finish[T any](o *shm.Object) {
	if unsafe.Sizeof(*new(T)) > inCell && robust.Pending(o) {
		robust.Commit(o, func() { *place[T](o) = *next[T](o) })
	}
}

// items returns the items that lie in the memory of an object: n, if the arena has
// not been overwritten.
func items[T any](o *shm.Object, n uint64) []T {
	size := uint64(unsafe.Sizeof(*new(T)))
	p, room := o.Memory()
	if size == 0 {
		return make([]T, n)
	}
	if n = min(n, room/size); n == 0 {
		return []T{}
	}
	return unsafe.Slice((*T)(p), n)
}

// rawSize returns how much memory an object for a T without a lock needs from the
// heap.
func rawSize[T any]() uint64 {
	if size := uint64(unsafe.Sizeof(*new(T))); size > inCell {
		return size
	}
	return 0
}

// storeRaw stores x, in one instruction if it is small.
func storeRaw[T any](p, x *T) {
	if unsafe.Sizeof(*x) > inCell {
		*p = *x
		return
	}
	storeSmall(unsafe.Pointer(p), unsafe.Pointer(x), unsafe.Sizeof(*x))
}
