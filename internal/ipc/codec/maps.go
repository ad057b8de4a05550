package codec

import (
	"fmt"
	"reflect"
	"strconv"
)

// mapPlan is how a map travels: nil, or a msgpack map in no particular order.
type mapPlan struct {
	typ       reflect.Type
	key, elem *plan
	dynamic   bool // keys contain an any, which may turn out not to be comparable
}

func (c *compiler) mapType(p *plan) error {
	key, err := c.plan(p.typ.Key())
	if err != nil {
		return inType(err, "[key]")
	}
	elem, err := c.plan(p.typ.Elem())
	if err != nil {
		return inType(err, "[]")
	}
	m := &mapPlan{typ: p.typ, key: key, elem: elem, dynamic: holdsInterface(p.typ.Key())}
	p.encode, p.decode = m.encode, m.decode
	return nil
}

// holdsInterface reports whether values of t, a type of map keys, hold an interface value in their own memory.
func holdsInterface(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Array:
		return holdsInterface(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsInterface(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

func (m *mapPlan) encode(dst []byte, v reflect.Value, f frame) ([]byte, error) {
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
	dst, err = m.encodeEntries(appendMapHeader(dst, v.Len()), v, f)
	f.close(v)
	return dst, err
}

func (m *mapPlan) encodeEntries(dst []byte, v reflect.Value, f frame) (_ []byte, err error) {
	if v.Len() == 0 {
		return dst, nil
	}
	key, elem := reflect.New(m.key.typ).Elem(), reflect.New(m.elem.typ).Elem()
	for entries := v.MapRange(); entries.Next(); {
		key.SetIterKey(entries)
		elem.SetIterValue(entries)
		if dst, err = m.key.encode(dst, key, f); err != nil {
			return dst, within(err, "[key]")
		}
		if dst, err = m.elem.encode(dst, elem, f); err != nil {
			return dst, within(err, keyStep(key))
		}
	}
	return dst, nil
}

func (m *mapPlan) decode(src []byte, v reflect.Value, alias bool) (_ []byte, err error) {
	if isNil(src) {
		return src[1:], nil
	}
	unit := m.key.minSize + m.elem.minSize
	n, rest, ok := readCount(src, famMap, unit)
	if !ok {
		return nil, miscounted(src, famMap, unit)
	}
	entries := reflect.MakeMapWithSize(m.typ, affordable(n, m.key.typ.Size()+m.elem.typ.Size(), rest))
	v.Set(entries)
	if n == 0 {
		return rest, nil
	}
	key, elem := reflect.New(m.key.typ).Elem(), reflect.New(m.elem.typ).Elem()
	for i := range n {
		at := rest
		if rest, err = m.key.decode(rest, key, alias); err != nil {
			return nil, within(err, "[key]")
		}
		if m.dynamic && !key.Comparable() {
			return nil, within(malformed(at, "a value of this kind cannot be a key"), "[key]")
		}
		if rest, err = m.elem.decode(rest, elem, alias); err != nil {
			return nil, within(err, keyStep(key))
		}
		entries.SetMapIndex(key, elem)
		if entries.Len() != i+1 {
			return nil, within(malformed(at, "duplicate key"), keyStep(key))
		}
		key.SetZero()
		elem.SetZero()
	}
	return rest, nil
}

// keyStep is the step of a path through a map.
func keyStep(key reflect.Value) string {
	const longest = 32
	if key.Kind() == reflect.Interface {
		key = key.Elem()
	}
	switch {
	case key.Kind() == reflect.String:
		s := key.String()
		if len(s) > longest {
			s = s[:longest] + "..."
		}
		return "[" + strconv.Quote(s) + "]"
	case key.CanInt():
		return fmt.Sprintf("[%d]", key.Int())
	case key.CanUint():
		return fmt.Sprintf("[%d]", key.Uint())
	default:
		return "[]"
	}
}
