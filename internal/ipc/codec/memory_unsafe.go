package codec

import (
	"reflect"
	"unsafe"
)

// Everything in this package that needs unsafe: views of the memory of pointer-free values. A view lives no longer
// than the call that made it, except for what AliasItems returns.

// sliceMemory is the memory of the elements of v, a slice whose elements are size bytes.
func sliceMemory(v reflect.Value, size int) []byte {
	return unsafe.Slice((*byte)(v.UnsafePointer()), v.Len()*size)
}

// valueMemory is the memory of v, which is addressable and of size bytes.
func valueMemory(v reflect.Value, size int) []byte {
	return unsafe.Slice((*byte)(v.Addr().UnsafePointer()), size)
}

// itemsMemory is the memory of the elements of items.
func itemsMemory[T any](items []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(items))), len(items)*int(unsafe.Sizeof(*new(T))))
}

// aliasMemory is itemsMemory backwards: mem seen as elements. It reports false if mem is not aligned for T.
// Preconditions: T is pointer-free and of non-zero size; mem is whole elements with valid bools.
func aliasMemory[T any](mem []byte) ([]T, bool) {
	var t T
	p := unsafe.Pointer(unsafe.SliceData(mem))
	if len(mem) == 0 || uintptr(p)%unsafe.Alignof(t) != 0 {
		return nil, false
	}
	n := len(mem) / int(unsafe.Sizeof(t))
	return unsafe.Slice((*T)(p), n), true
}

// float32Bits returns the bits of v, an addressable float32.
func float32Bits(v reflect.Value) uint32 { return *(*uint32)(v.Addr().UnsafePointer()) }

func setFloat32Bits(v reflect.Value, bits uint32) { *(*uint32)(v.Addr().UnsafePointer()) = bits }
