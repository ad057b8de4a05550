package codec

import "reflect"

// AppendItems appends the encoding of items, exactly that of a []T; c is the codec of T. An error names the index. On
// error it returns dst as it was.
func AppendItems[T any](c *Codec, dst []byte, items []T) ([]byte, error) {
	if t := reflect.TypeFor[T](); t != c.typ {
		return dst, c.wrongType(t)
	}
	if items == nil {
		return append(dst, codeNil), nil
	}
	f := newFrame(dst)
	if c.deep || c.undoes {
		f.seen = trails.Get().(*trail)
		defer f.seen.release()
	}
	out, err := appendItems(c, dst, items, f)
	if err == nil {
		err = f.fits(out, 0)
	}
	if err != nil {
		f.seen.discard()
		return dst, encodeError(nil, err)
	}
	return out, nil
}

func appendItems[T any](c *Codec, dst []byte, items []T, f frame) (_ []byte, err error) {
	if l := c.plan.layout; l != nil {
		return l.appendBlock(dst, itemsMemory(items), f)
	}
	dst = appendArrayHeader(dst, len(items))
	for i := range items {
		if err = f.fits(dst, 0); err == nil {
			dst, err = c.plan.encode(dst, reflect.ValueOf(&items[i]).Elem(), f)
		}
		if err != nil {
			return dst, withinIndex(err, i)
		}
	}
	return dst, nil
}

// DecodeItems decodes src, the whole of it, into out; c is the codec of T. Another count than len(out) is an error;
// out then holds a part of the items.
func DecodeItems[T any](c *Codec, src []byte, out []T) error {
	if t := reflect.TypeFor[T](); t != c.typ {
		return c.wrongType(t)
	}
	if err := decodeItems(c, src, out); err != nil {
		return decodeError(nil, err, len(src))
	}
	return nil
}

// AliasItems decodes src, the whole of it, into n items; c is the codec of T. If the items came as one block and lie
// aligned for T, the result is that part of src itself, which nobody may write to any more; otherwise it is allocated.
func AliasItems[T any](c *Codec, src []byte, n int) ([]T, error) {
	if t := reflect.TypeFor[T](); t != c.typ {
		return nil, c.wrongType(t)
	}
	if n < 0 {
		return nil, &ValueError{Reason: "a negative number of items"}
	}
	items, err := aliasItems[T](c, src, n)
	if err != nil {
		return nil, decodeError(nil, err, len(src))
	}
	return items, nil
}

func aliasItems[T any](c *Codec, src []byte, n int) ([]T, error) {
	if n == 0 && isNil(src) && len(src) == 1 {
		return nil, nil
	}
	l := c.plan.layout
	if l == nil || oneByOne(src) {
		if err := countItems(c, src, n); err != nil { // before memory is reserved
			return nil, err
		}
		out := make([]T, n)
		return out, decodeItems(c, src, out)
	}
	mem, err := readItemsBlock(l, src, n)
	if err != nil {
		return nil, err
	}
	if items, ok := aliasMemory[T](mem); ok {
		return items, nil
	}
	out := make([]T, n)
	copy(itemsMemory(out), mem)
	return out, nil
}

func decodeItems[T any](c *Codec, src []byte, out []T) (err error) {
	if len(out) == 0 && isNil(src) && len(src) == 1 {
		return nil
	}
	if l := c.plan.layout; l != nil && !oneByOne(src) {
		mem, err := readItemsBlock(l, src, len(out))
		if err != nil {
			return err
		}
		copy(itemsMemory(out), mem)
		return nil
	}
	if c.deep {
		if _, err := walk(src, 0); err != nil { // each item may be MaxDepth deep
			return err
		}
	}
	if err := countItems(c, src, len(out)); err != nil {
		return err
	}
	_, rest, _ := readCount(src, famArray, c.plan.minSize)
	clear(out)
	for i := range out {
		if rest, err = c.plan.decode(rest, reflect.ValueOf(&out[i]).Elem(), false); err != nil {
			return withinIndex(err, i)
		}
	}
	return trailing(rest)
}

// oneByOne says whether a batch was made with PutArrayHeader and items behind it, which any type allows.
func oneByOne(src []byte) bool {
	h, ok := parseHeader(src)
	return ok && h.family == famArray
}

// countItems checks that src begins with an array of n items.
func countItems(c *Codec, src []byte, n int) error {
	got, _, ok := readCount(src, famArray, c.plan.minSize)
	if !ok {
		return miscounted(src, famArray, c.plan.minSize)
	}
	if got != n {
		return malformed(src, "%d items, expected %d", got, n)
	}
	return nil
}

// readItemsBlock returns the memory of exactly n elements.
func readItemsBlock(l *layout, src []byte, n int) ([]byte, error) {
	mem, rest, err := l.readBlock(src)
	if err != nil {
		return nil, err
	}
	if got := len(mem) / l.size; got != n {
		return nil, malformed(src, "%d items, expected %d", got, n)
	}
	return mem, trailing(rest)
}

// Split returns each of the n items of a batch as a batch of its own, for a caller that wants to know which of them
// cannot be decoded. A batch that is one block, or that does not have n items, is an error.
func Split(src []byte, n int) ([][]byte, error) {
	got, rest, ok := readCount(src, famArray, 1)
	if !ok || got != n {
		return nil, malformed(src, "not an array of %d items", n)
	}
	items := make([][]byte, n)
	for i := range items {
		after, err := Walk(rest)
		if err != nil {
			return nil, err
		}
		item := rest[:len(rest)-len(after)]
		items[i] = append(appendArrayHeader(make([]byte, 0, ArrayHeaderSize+len(item)), 1), item...)
		rest = after
	}
	return items, trailing(rest)
}

// trailing refuses bytes after the value.
func trailing(rest []byte) error {
	if len(rest) == 0 {
		return nil
	}
	return malformed(rest, "%d bytes follow the value", len(rest))
}
