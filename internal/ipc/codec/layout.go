package codec

import (
	"encoding/binary"
	"reflect"
)

// layout describes a pointer-free type of non-zero size: a slice or an array of it travels as the memory it occupies,
// in one block.
type layout struct {
	size  int
	bytes bool      // the block is a msgpack bin; otherwise it is an ExtRaw
	bools boolCheck // nil if there are none
}

// boolCheck returns the offset of the first bool in the memory of one element that is neither 0 nor 1, or -1. Such a
// bool would be true and false at once in the process that read it.
type boolCheck func(mem []byte) int

// layoutOf returns nil if a slice of t cannot travel as a block. Types that travel by methods or as registered cannot,
// whatever their memory looks like. Precondition: t can travel, so that all fields but blank ones are exported.
func layoutOf(t reflect.Type) *layout {
	check, ok := pointerFree(t)
	if !ok || t.Size() == 0 {
		return nil
	}
	return &layout{size: int(t.Size()), bytes: t.Kind() == reflect.Uint8, bools: check}
}

// pointerFree reports whether t is made of bools and numbers only, and how to check the bools.
func pointerFree(t reflect.Type) (check boolCheck, ok bool) {
	if travelsByItself(t) {
		return nil, false
	}
	switch t.Kind() {
	case reflect.Bool:
		return checkBool, true
	case reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil, true
	case reflect.Array:
		check, ok = pointerFree(t.Elem())
		if check == nil || t.Size() == 0 {
			return nil, ok
		}
		return checkEach(check, int(t.Elem().Size())), ok
	case reflect.Struct:
		return pointerFreeStruct(t)
	default:
		return nil, false
	}
}

func pointerFreeStruct(t reflect.Type) (boolCheck, bool) {
	type field struct {
		check    boolCheck
		from, to int
	}
	var checked []field
	for i := range t.NumField() {
		f := t.Field(i)
		check, ok := pointerFree(f.Type)
		if !ok {
			return nil, false
		}
		if check != nil && f.Name != "_" { // nobody reads a blank field
			checked = append(checked, field{check, int(f.Offset), int(f.Offset + f.Type.Size())})
		}
	}
	if checked == nil {
		return nil, true
	}
	return func(mem []byte) int {
		for _, f := range checked {
			if at := f.check(mem[f.from:f.to]); at >= 0 {
				return f.from + at
			}
		}
		return -1
	}, true
}

func checkBool(mem []byte) int {
	if mem[0] > 1 {
		return 0
	}
	return -1
}

// checkEach checks consecutive elements of the given size.
func checkEach(check boolCheck, size int) boolCheck {
	return func(mem []byte) int {
		if size == 1 { // bools themselves, without a call for each
			return checkBools(mem)
		}
		for from := 0; from < len(mem); from += size {
			if at := check(mem[from : from+size]); at >= 0 {
				return from + at
			}
		}
		return -1
	}
}

// checkBools checks consecutive bools, eight at a time as long as they are good.
func checkBools(mem []byte) int {
	at := 0
	for at+8 <= len(mem) && binary.NativeEndian.Uint64(mem[at:])&^0x0101010101010101 == 0 {
		at += 8
	}
	for ; at < len(mem); at++ {
		if mem[at] > 1 {
			return at
		}
	}
	return -1
}

// appendBlock writes mem, the memory of some elements.
func (l *layout) appendBlock(dst, mem []byte, f frame) ([]byte, error) {
	if err := f.fits(dst, len(mem)); err != nil {
		return dst, err
	}
	return append(l.appendBlockHeader(dst, len(mem)), mem...), nil
}

// appendBlockHeader writes what precedes n bytes of memory.
func (l *layout) appendBlockHeader(dst []byte, n int) []byte {
	if l.bytes {
		return appendBinHeader(dst, n)
	}
	at := len(dst)
	dst = append(dst, make([]byte, RawHeaderSize)...)
	PutRawHeader(dst[at:], n)
	return dst
}

// readBlock returns the memory of whole, valid elements that src begins with.
func (l *layout) readBlock(src []byte) (mem, rest []byte, err error) {
	if l.bytes {
		mem, rest, ok := readBody(src, famBin)
		if !ok {
			return nil, nil, mismatch(src, "bin")
		}
		return mem, rest, nil
	}
	ext, mem, rest, ok := readExt(src)
	switch {
	case !ok:
		return nil, nil, mismatch(src, "a raw block")
	case ext != ExtRaw:
		return nil, nil, malformed(src, "expected a raw block, found ext type %d", ext)
	case len(mem)%l.size != 0:
		return nil, nil, malformed(src, "%d bytes are not a whole number of elements of %d", len(mem), l.size)
	}
	if l.bools != nil {
		if at := checkEach(l.bools, l.size)(mem); at >= 0 {
			return nil, nil, malformed(src, "a bool in element %d is %d", at/l.size, mem[at])
		}
	}
	return mem, rest, nil
}
