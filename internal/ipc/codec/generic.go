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

// Decode decodes src, the whole of it, into *v; c is the codec of T. See [Codec.Decode].
func Decode[T any](c *Codec, src []byte, v *T) error {
	if t := reflect.TypeFor[T](); t != c.typ {
		return c.wrongType(t)
	}
	return c.decode(src, reflect.ValueOf(v).Elem(), false)
}

// DecodeAlias is [Decode] for a src that nobody writes to afterwards: the decoded byte slices alias src.
func DecodeAlias[T any](c *Codec, src []byte, v *T) error {
	if t := reflect.TypeFor[T](); t != c.typ {
		return c.wrongType(t)
	}
	return c.decode(src, reflect.ValueOf(v).Elem(), true)
}

// Marshal returns the encoding of v.
func Marshal[T any](v T) ([]byte, error) {
	c, err := Of[T]()
	if err != nil {
		return nil, err
	}
	return Append(c, nil, &v)
}

// Unmarshal decodes src, the whole of it.
func Unmarshal[T any](src []byte) (T, error) {
	var v T
	c, err := Of[T]()
	if err == nil {
		err = Decode(c, src, &v)
	}
	return v, err
}
