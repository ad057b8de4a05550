package shm

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// address is where the arena is mapped.
type address = unsafe.Pointer

// damage is the panic of an access that no sound arena leads to. It never leaves
// the package: transact turns it into ErrDamaged.
type damage struct{ why string }

func damaged(format string, args ...any) { panic(damage{fmt.Sprintf(format, args...)}) }

// pointer returns the address of size bytes of the arena. What it is computed from
// may have been overwritten by another process, so it is checked.
func (a *Arena) pointer(off uint64, size, align uint64) unsafe.Pointer {
	if off > a.size || size > a.size-off || off&(align-1) != 0 {
		damaged("%d bytes at %d of an arena of %d", size, off, a.size)
	}
	return unsafe.Add(a.base, off)
}

func (a *Arena) word(off uint64) *uint32 { return (*uint32)(a.pointer(off, 4, 4)) }
func (a *Arena) wide(off uint64) *uint64 { return (*uint64)(a.pointer(off, 8, 8)) }

func (a *Arena) load(off uint64) uint32   { return atomic.LoadUint32(a.word(off)) }
func (a *Arena) load64(off uint64) uint64 { return atomic.LoadUint64(a.wide(off)) }

func (a *Arena) bytes(off, size uint64) []byte {
	return unsafe.Slice((*byte)(a.pointer(off, size, 1)), size)
}

func baseOf(mem []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(mem)) }

// Word returns the word at an offset of the object's cell. It stays valid for
// ever, but when the object is closed it may become another one's.
//
// Precondition: off is a multiple of 4 (for Wide, 8) within a cell.
func (o *Object) Word(off uint64) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(o.lock), int(off)-CellLock))
}

// Wide is Word for 64 bits.
func (o *Object) Wide(off uint64) *uint64 {
	return (*uint64)(unsafe.Add(unsafe.Pointer(o.lock), int(off)-CellLock))
}

// Holder returns the word for the goroutine that has the object's recursive lock.
// Plain loads and stores of it do: it says something only together with the lock
// word, which is changed by atomic ones.
func (o *Object) Holder() *uint64 {
	return (*uint64)(unsafe.Add(unsafe.Pointer(o.lock), CellHolder-CellLock))
}

// Cell returns the address of the object's cell.
func (o *Object) Cell() unsafe.Pointer { return unsafe.Add(unsafe.Pointer(o.lock), -CellLock) }

// Memory returns the address of the object's memory in the heap, and its size in
// bytes: 0 if it has none.
func (o *Object) Memory() (unsafe.Pointer, uint64) {
	if o.size == 0 {
		return nil, 0
	}
	return o.arena.pointer(o.memory, o.size, smallest), o.size
}
