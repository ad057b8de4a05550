package codec

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"

	"github.com/vmihailenco/msgpack/v5"
)

// methods is how a type travels that turns itself into bytes or text.
type methods struct {
	family  family
	names   [2]string
	marshal func(x any) ([]byte, error)
	// unmarshal gets bytes that it may keep.
	unmarshal func(x any, data []byte) error
	pair      reflect.Type // an interface with both methods
}

type (
	customPair interface {
		msgpack.CustomEncoder
		msgpack.CustomDecoder
	}
	binaryPair interface {
		encoding.BinaryMarshaler
		encoding.BinaryUnmarshaler
	}
	gobPair interface {
		GobEncode() ([]byte, error)
		GobDecode([]byte) error
	}
	textPair interface {
		encoding.TextMarshaler
		encoding.TextUnmarshaler
	}
)

// preferred are the methods that say how a type shall travel; they go before its structure.
var preferred = []*methods{
	{
		family: famBin, names: [2]string{"EncodeMsgpack", "DecodeMsgpack"}, pair: reflect.TypeFor[customPair](),
		marshal: marshalCustom, unmarshal: unmarshalCustom,
	},
	{
		family: famBin, names: [2]string{"MarshalBinary", "UnmarshalBinary"}, pair: reflect.TypeFor[binaryPair](),
		marshal:   func(x any) ([]byte, error) { return x.(binaryPair).MarshalBinary() },
		unmarshal: func(x any, data []byte) error { return x.(binaryPair).UnmarshalBinary(data) },
	},
}

// lastResort are the methods that serve when the structure of a type cannot travel. Gob's goes first: the text of a
// big.Float is without its precision.
var lastResort = []*methods{
	{
		family: famBin, names: [2]string{"GobEncode", "GobDecode"}, pair: reflect.TypeFor[gobPair](),
		marshal:   func(x any) ([]byte, error) { return x.(gobPair).GobEncode() },
		unmarshal: func(x any, data []byte) error { return x.(gobPair).GobDecode(data) },
	},
	{
		family: famStr, names: [2]string{"MarshalText", "UnmarshalText"}, pair: reflect.TypeFor[textPair](),
		marshal:   func(x any) ([]byte, error) { return x.(textPair).MarshalText() },
		unmarshal: func(x any, data []byte) error { return x.(textPair).UnmarshalText(data) },
	},
}

// methodsOf returns the first of the choices whose methods t, or a pointer to it, has.
func methodsOf(t reflect.Type, choices []*methods) (*methods, bool) {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return nil, false
	}
	for _, m := range choices {
		if reflect.PointerTo(t).Implements(m.pair) && !promoted(t, m.names) {
			return m, true
		}
	}
	return nil, false
}

// promoted reports whether t may have these methods only from a field it embeds. They would then be about that field,
// and struct{ time.Time; Name string } would arrive without its name.
func promoted(t reflect.Type, names [2]string) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous {
			continue
		}
		has := f.Type
		if has.Kind() != reflect.Pointer && has.Kind() != reflect.Interface {
			has = reflect.PointerTo(has)
		}
		for _, name := range names {
			if _, ok := has.MethodByName(name); ok {
				return true
			}
		}
	}
	return false
}

// travelsByItself reports whether the structure of t is none of the codec's business.
func travelsByItself(t reflect.Type) bool {
	if _, ok := specialFor(t); ok {
		return true
	}
	_, ok := methodsOf(t, preferred)
	return ok
}

func (p *plan) useMethods(m *methods) {
	p.inMemory = true
	p.layout = nil
	p.minSize = 1
	p.encode = func(dst []byte, v reflect.Value, f frame) ([]byte, error) {
		data, err := guarded(m.names[0], func() ([]byte, error) { return m.marshal(v.Addr().Interface()) })
		if err != nil {
			return dst, &fault{reason: fmt.Sprintf("%s of %s", m.names[0], v.Type()), err: err}
		}
		if err := f.fits(dst, len(data)); err != nil {
			return dst, err
		}
		if m.family == famStr {
			return appendString(dst, string(data)), nil
		}
		return appendBin(dst, data), nil
	}
	p.decode = func(src []byte, v reflect.Value, _ bool) ([]byte, error) {
		data, rest, ok := readBody(src, m.family)
		if !ok {
			return nil, mismatch(src, fmt.Sprintf("%s for %s", familyNames[m.family], v.Type()))
		}
		_, err := guarded(m.names[1], func() ([]byte, error) {
			return nil, m.unmarshal(v.Addr().Interface(), bytes.Clone(data))
		})
		if err != nil {
			return nil, &fault{reason: fmt.Sprintf("%s of %s", m.names[1], v.Type()), err: err, left: len(src)}
		}
		return rest, nil
	}
}

// guarded calls a method of a user's type. Its panic is an error: another process must not be able to end this one
// with bytes that a method did not expect.
func guarded(name string, call func() ([]byte, error)) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			data, err = nil, fmt.Errorf("panic in %s: %v", name, r)
		}
	}()
	return call()
}

func marshalCustom(x any) ([]byte, error) {
	var buf bytes.Buffer
	enc := msgpack.GetEncoder()
	enc.Reset(&buf)
	if err := x.(customPair).EncodeMsgpack(enc); err != nil {
		return nil, err
	}
	msgpack.PutEncoder(enc) // not after an error or a panic: who knows what still refers to it
	return buf.Bytes(), nil
}

func unmarshalCustom(x any, data []byte) (err error) {
	for rest := data; len(rest) > 0; { // msgpack/v5 trusts lengths and recurses
		if rest, err = Walk(rest); err != nil {
			return err
		}
	}
	r := bytes.NewReader(data)
	dec := msgpack.GetDecoder()
	dec.Reset(r)
	if err := x.(customPair).DecodeMsgpack(dec); err != nil {
		return err
	}
	msgpack.PutDecoder(dec)
	if r.Len() > 0 {
		return fmt.Errorf("%d bytes are left over", r.Len())
	}
	return nil
}
