package codec

import "reflect"

// slice is the plan of []E: nil, one block of memory, or an array of the elements.
func (c *compiler) slice(p *plan) error {
	elem, err := c.plan(p.typ.Elem())
	if err != nil {
		return inType(err, "[]")
	}
	if elem.layout != nil {
		p.useBlockSlice(elem.layout)
		return nil
	}
	p.encode = func(dst []byte, v reflect.Value, f frame) ([]byte, error) {
		if v.IsNil() {
			return append(dst, codeNil), nil
		}
		f, err := f.enter(dst)
		if err != nil {
			return dst, err
		}
		if err := f.open(v); err != nil {
			return dst, err
		}
		dst, err = encodeElements(elem, dst, v, f)
		f.close(v)
		return dst, err
	}
	p.decode = func(src []byte, v reflect.Value, alias bool) ([]byte, error) {
		if isNil(src) {
			return src[1:], nil
		}
		n, rest, ok := readCount(src, famArray, elem.minSize)
		if !ok {
			return nil, miscounted(src, famArray, elem.minSize)
		}
		return decodeSlice(elem, rest, v, n, alias)
	}
	return nil
}

// array is the plan of [N]E: one block of memory, or an array of the elements.
func (c *compiler) array(p *plan) error {
	elem, err := c.plan(p.typ.Elem())
	if err != nil {
		return inType(err, "[]")
	}
	n := p.typ.Len()
	if p.typ.Size() == 0 {
		n = 0 // [1<<40]struct{} is not worth a byte for each
	}
	p.layout, p.inMemory = layoutOf(p.typ), true
	if elem.layout != nil && n > 0 {
		p.useBlockArray(elem.layout)
		return nil
	}
	p.minSize = 1 + n*elem.minSize
	p.encode = func(dst []byte, v reflect.Value, f frame) ([]byte, error) {
		f, err := f.enter(dst)
		if err != nil {
			return dst, err
		}
		if n == 0 {
			return appendArrayHeader(dst, 0), nil
		}
		return encodeElements(elem, dst, v, f)
	}
	p.decode = func(src []byte, v reflect.Value, alias bool) ([]byte, error) {
		got, rest, ok := readCount(src, famArray, elem.minSize)
		if !ok {
			return nil, miscounted(src, famArray, elem.minSize)
		}
		if got != n {
			return nil, malformed(src, "%d elements for %s", got, v.Type())
		}
		return decodeElements(elem, rest, v, 0, n, alias)
	}
	return nil
}

func encodeElements(elem *plan, dst []byte, v reflect.Value, f frame) (_ []byte, err error) {
	n := v.Len()
	dst = appendArrayHeader(dst, n)
	for i := range n {
		if dst, err = elem.encode(dst, v.Index(i), f); err != nil {
			return dst, withinIndex(err, i)
		}
	}
	return dst, nil
}

// decodeSlice decodes n elements into v, a nil slice. Memory that the message cannot pay for is reserved only as
// elements arrive.
func decodeSlice(elem *plan, src []byte, v reflect.Value, n int, alias bool) (_ []byte, err error) {
	size := elem.typ.Size()
	makeSlice(v, affordable(n, size, src))
	done := 0
	for done < n {
		if done > 0 {
			more := min(done, n-done)
			v.Grow(more)
			v.SetLen(done + more)
		}
		if src, err = decodeElements(elem, src, v, done, v.Len(), alias); err != nil {
			return nil, err
		}
		done = v.Len()
	}
	return src, nil
}

// affordable returns how many of n elements of the given size to reserve memory for at once: nearly always all of
// them, but a small message shall not claim much with elements that are large in memory and short on the wire.
func affordable(n int, size uintptr, src []byte) int {
	const bytesPerByte = 64
	if size <= bytesPerByte {
		return n // every element takes a byte at least, see readCount
	}
	return min(n, 1+len(src)*bytesPerByte/int(size))
}

// decodeElements decodes the elements from to to of v.
func decodeElements(elem *plan, src []byte, v reflect.Value, from, to int, alias bool) (_ []byte, err error) {
	for i := from; i < to; i++ {
		if src, err = elem.decode(src, v.Index(i), alias); err != nil {
			return nil, withinIndex(err, i)
		}
	}
	return src, nil
}

// useBlockSlice is the plan of a slice whose elements, described by l, travel as their memory.
func (p *plan) useBlockSlice(l *layout) {
	p.block = l
	p.encode = func(dst []byte, v reflect.Value, f frame) ([]byte, error) {
		if v.IsNil() {
			return append(dst, codeNil), nil
		}
		return l.appendBlock(dst, sliceMemory(v, l.size), f)
	}
	p.decode = func(src []byte, v reflect.Value, alias bool) ([]byte, error) {
		if isNil(src) {
			return src[1:], nil
		}
		mem, rest, err := l.readBlock(src)
		if err != nil {
			return nil, err
		}
		if alias && l.bytes {
			v.SetBytes(mem)
			return rest, nil
		}
		if l.bytes && len(mem) > 0 { // memory that is not cleared before
			b := make([]byte, len(mem))
			copy(b, mem)
			v.SetBytes(b)
			return rest, nil
		}
		makeSlice(v, len(mem)/l.size)
		copy(sliceMemory(v, l.size), mem)
		return rest, nil
	}
}

// useBlockArray is the plan of a non-empty array whose elements, described by l, travel as their memory.
func (p *plan) useBlockArray(l *layout) {
	size := int(p.typ.Size())
	p.minSize = 2 + size
	p.encode = func(dst []byte, v reflect.Value, f frame) ([]byte, error) {
		return l.appendBlock(dst, valueMemory(v, size), f)
	}
	p.decode = func(src []byte, v reflect.Value, _ bool) ([]byte, error) {
		mem, rest, err := l.readBlock(src)
		if err != nil {
			return nil, err
		}
		if len(mem) != size {
			return nil, malformed(src, "%d bytes for %s", len(mem), v.Type())
		}
		copy(valueMemory(v, size), mem)
		return rest, nil
	}
}

// makeSlice makes v, a nil slice, one of n zero elements. Grow does without the slice header that MakeSlice puts on
// the heap.
func makeSlice(v reflect.Value, n int) {
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return
	}
	v.Grow(n)
	v.SetLen(n)
}

func isNil(src []byte) bool { return len(src) > 0 && src[0] == codeNil }
