package codec

import "reflect"

// Of is For with the type as a type parameter.
func Of[T any]() (*Codec, error) { return For(reflect.TypeFor[T]()) }

// Append appends the encoding of *v to dst; c is the codec of T. It allocates nothing but what dst lacks, if v points
// to the heap already.
func Append[T any](c *Codec, dst []byte, v *T) ([]byte, error) {
	if t := reflect.TypeFor[T](); t != c.typ {
		return dst, c.wrongType(t)
	}
	return c.append(dst, reflect.ValueOf(v).Elem())
}

// splitFrom is the size from which AppendHead leaves the memory of a value where it is.
const splitFrom = 16 << 10

// AppendHead is [Append] for one who copies the encoding anyway: if *v is a large slice that travels as its memory, that
// is not appended but returned as tail, which belongs behind head.
func AppendHead[T any](c *Codec, dst []byte, v *T) (head, tail []byte, err error) {
	if l := c.plan.block; l != nil && reflect.TypeFor[T]() == c.typ {
		if mem := sliceMemory(reflect.ValueOf(v).Elem(), l.size); len(mem) >= splitFrom {
			if err := newFrame(dst).fits(dst, len(mem)); err != nil {
				return dst, nil, encodeError(c.typ, err)
			}
			return l.appendBlockHeader(dst, len(mem)), mem, nil
		}
	}
	head, err = Append(c, dst, v)
	return head, nil, err
}

// Decode decodes src, the whole of it, into *v; c is the codec of T. See [Codec.Decode].
func Decode[T any](c *Codec, src []byte, v *T) error {
	if t := reflect.TypeFor[T](); t != c.typ {
		return c.wrongType(t)
	}
	return c.decode(src, reflect.ValueOf(v).Elem(), false)
}

// DecodeInto is [Decode] into the memory that *v has, if that is a slice that travels as its memory and is large enough.
func DecodeInto[T any](c *Codec, src []byte, v *T) error {
	if l := c.plan.block; l != nil && !isNil(src) && reflect.TypeFor[T]() == c.typ {
		mem, rest, err := l.readBlock(src)
		if into := reflect.ValueOf(v).Elem(); err == nil && len(rest) == 0 && len(mem)/l.size <= into.Cap() && into.Cap() > 0 {
			into.SetLen(len(mem) / l.size)
			copy(sliceMemory(into, l.size), mem)
			return nil
		}
	}
	return Decode(c, src, v)
}
