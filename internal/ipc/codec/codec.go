package codec

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// Codec encodes and decodes values of one type. It is safe for concurrent use.
type Codec struct {
	typ  reflect.Type
	plan *plan
	deep bool // see compiler.deep

	carries bool // see Carries
	undoes  bool // encoding may have something to take back: see Special
}

// codecs holds a *Codec or a *TypeError by reflect.Type.
var codecs sync.Map

// For returns the codec of t, or a [*TypeError] if t cannot travel. The work is done once for each type.
func For(t reflect.Type) (*Codec, error) {
	if t == nil {
		return nil, errors.New("no type")
	}
	made, ok := codecs.Load(t)
	if !ok {
		made, _ = codecs.LoadOrStore(t, compile(t))
	}
	if c, ok := made.(*Codec); ok {
		return c, nil
	}
	return nil, made.(*TypeError)
}

// compile returns a *Codec or a *TypeError.
func compile(t reflect.Type) any {
	c := compiler{plans: make(map[reflect.Type]*plan)}
	p, err := c.plan(t)
	if err != nil {
		return typeError(t, err)
	}
	return &Codec{typ: t, plan: p, deep: c.deep, carries: c.carries, undoes: c.undoes}
}

// Type returns the type whose codec this is.
func (c *Codec) Type() reflect.Type { return c.typ }

// Rereads reports whether Decode looks at what it decodes more than once, so that nobody else may be able to write to
// it meanwhile.
func (c *Codec) Rereads() bool { return c.deep }

// RawSize returns the size of one element if the type is pointer-free and not of size zero, so that a slice of it
// travels as one raw block: a header as by [PutRawHeader], then the memory of the elements. Otherwise it returns 0, as
// it does for bytes, slices of which travel as msgpack bin.
func (c *Codec) RawSize() int {
	if l := c.plan.layout; l != nil && !l.bytes {
		return l.size
	}
	return 0
}

// Append appends the encoding of v to dst. On error, a [*ValueError], it returns dst as it was.
func (c *Codec) Append(dst []byte, v reflect.Value) ([]byte, error) {
	if err := c.accepts(v); err != nil {
		return dst, err
	}
	if c.plan.inMemory && !v.CanAddr() {
		box := reflect.New(c.typ).Elem()
		box.Set(v)
		v = box
	}
	return c.append(dst, v)
}

// append is Append for a value that is known to be of the type, and addressable if the plan asks for it.
func (c *Codec) append(dst []byte, v reflect.Value) ([]byte, error) {
	f := newFrame(dst)
	if c.deep || c.undoes {
		f.seen = trails.Get().(*trail)
		defer f.seen.release()
	}
	out, err := c.plan.encode(dst, v, f)
	if err == nil {
		err = f.fits(out, 0)
	}
	if err != nil {
		f.seen.discard()
		return dst, encodeError(c.typ, err)
	}
	return out, nil
}

// Decode decodes src, the whole of it, into v, which must be settable and is set to zero first. It fails with a
// [*ValueError] that matches [ErrMalformed]; v then holds a part of the value.
func (c *Codec) Decode(src []byte, v reflect.Value) error { return c.decodeChecked(src, v, false) }

// DecodeAlias is Decode for a src that nobody writes to afterwards: the decoded byte slices alias src.
func (c *Codec) DecodeAlias(src []byte, v reflect.Value) error { return c.decodeChecked(src, v, true) }

func (c *Codec) decodeChecked(src []byte, v reflect.Value, alias bool) error {
	if err := c.accepts(v); err != nil {
		return err
	}
	if !v.CanSet() {
		return &ValueError{Path: rootName(c.typ), Reason: "cannot decode into a value that is not settable"}
	}
	return c.decode(src, v, alias)
}

// decode is Decode for a value that is known to be of the type and settable.
func (c *Codec) decode(src []byte, v reflect.Value, alias bool) error {
	if c.deep { // otherwise the type bounds the depth, and every plan checks its own lengths
		if _, err := walk(src, 1); err != nil {
			return decodeError(c.typ, err, len(src))
		}
	}
	v.SetZero()
	rest, err := c.plan.decode(src, v, alias)
	if err == nil {
		err = trailing(rest)
	}
	if err != nil {
		return decodeError(c.typ, err, len(src))
	}
	return nil
}

// accepts refuses a value that is not of the codec's type.
func (c *Codec) accepts(v reflect.Value) error {
	switch {
	case !v.IsValid():
		return &ValueError{Path: rootName(c.typ), Reason: "the zero reflect.Value is no value"}
	case v.Type() != c.typ:
		return c.wrongType(v.Type())
	case !v.CanInterface():
		return &ValueError{Path: rootName(c.typ), Reason: "the value was read from an unexported field"}
	}
	return nil
}

func (c *Codec) wrongType(t reflect.Type) error {
	return &ValueError{Path: rootName(c.typ), Reason: fmt.Sprintf("a value of type %s met the codec of %s", t, c.typ)}
}
