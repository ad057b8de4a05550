package codec

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// encodeFunc appends the encoding of v to dst. On error what it returns of dst means nothing.
type encodeFunc func(dst []byte, v reflect.Value, f frame) ([]byte, error)

// decodeFunc decodes the value that src begins with into v and returns what follows it. v is settable and zero. With
// alias, byte slices in v may share memory with src.
type decodeFunc func(src []byte, v reflect.Value, alias bool) (rest []byte, err error)

// plan is how one type travels. A plan refers to those of its parts by pointer and reads their functions only when it
// runs, so that a recursive type's plan may refer to itself before it is complete.
type plan struct {
	typ      reflect.Type
	encode   encodeFunc
	decode   decodeFunc
	layout   *layout // set if a slice or array of the type travels as one block
	block    *layout // set if the type is a slice that does, of its elements
	nilable  bool    // may encode as nil, so that a pointer to it needs a wrapping
	inMemory bool    // encode needs an addressable value
	minSize  int     // no encoding is shorter
	complete bool
}

// compiler makes the plans of a type and of all it is made of.
type compiler struct {
	plans map[reflect.Type]*plan
	order []*plan // as they were begun, to take them back
	deep  bool    // nesting depends on the value: the type is recursive or holds an any

	carries bool // a part of the type travels through a Special
	undoes  bool // ... that has a Discard
}

// typeFault is a TypeError on its way up, as fault is a ValueError.
type typeFault struct {
	path []string // innermost first
	typ  reflect.Type
	why  string
	next *typeFault // in another field of the same struct
}

// maxFaults bounds how many faults of a type are reported.
const maxFaults = 10

// also appends the faults in err to those of f.
func (f *typeFault) also(err error) error {
	more, ok := err.(*typeFault)
	if !ok {
		return f
	}
	last, n := f, 1
	for last.next != nil && n < maxFaults {
		last, n = last.next, n+1
	}
	if last.next == nil {
		last.next = more
	}
	return f
}

func (f *typeFault) Error() string { return f.why }

func inType(err error, step string) error {
	if first, ok := err.(*typeFault); ok {
		for f := first; f != nil; f = f.next {
			f.path = append(f.path, step)
		}
	}
	return err
}

func typeError(root reflect.Type, err error) *TypeError {
	f, ok := err.(*typeFault)
	if !ok {
		return &TypeError{Type: root, Reason: err.Error()}
	}
	if len(f.path) == 0 {
		return &TypeError{Type: root, Reason: f.why}
	}
	e := &TypeError{Type: root, Path: joinPath(rootName(root), f.path)}
	var reasons []string
	for ; f != nil; f = f.next {
		reasons = append(reasons, fmt.Sprintf("field %s (%s) %s", joinPath(rootName(root), f.path), f.typ, f.why))
	}
	e.Reason = strings.Join(reasons, "; ")
	return e
}

// plan returns the plan of t. While t is being compiled, the plan is still incomplete.
func (c *compiler) plan(t reflect.Type) (*plan, error) {
	if p, ok := c.plans[t]; ok {
		c.deep = c.deep || !p.complete
		return p, nil
	}
	p := &plan{typ: t, minSize: 1, nilable: nilable(t)}
	began := len(c.order)
	c.plans[t], c.order = p, append(c.order, p)
	if err := c.build(p); err != nil {
		for _, q := range c.order[began:] { // they may refer to p
			delete(c.plans, q.typ)
		}
		c.order = c.order[:began]
		return nil, err
	}
	p.complete = true
	return p, nil
}

// nilable reports whether a value of type t may encode as nil. It is known before the plan, for recursive types.
func nilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	default:
		return false
	}
}

// build decides how p's type travels: as registered, by methods it has for the purpose, by its structure, or, if its
// structure cannot travel, by the other methods that turn it into bytes or text.
func (c *compiler) build(p *plan) error {
	if s, ok := specialFor(p.typ); ok {
		p.useSpecial(s)
		c.carries = c.carries || s.Ext >= FirstSpecialExt
		c.undoes = c.undoes || s.Discard != nil
		return nil
	}
	if m, ok := methodsOf(p.typ, preferred); ok {
		p.useMethods(m)
		return nil
	}
	if why := missing(p.typ); why != "" {
		return &typeFault{typ: p.typ, why: why}
	}
	err := c.structure(p)
	var why *typeFault
	if errors.As(err, &why) {
		if m, ok := methodsOf(p.typ, lastResort); ok {
			p.useMethods(m)
			return nil
		}
		if advice := inPlaceOf(p.typ); advice != "" {
			return &typeFault{typ: p.typ, why: advice}
		}
	}
	return err
}

func (c *compiler) structure(p *plan) error {
	refused := func(why string) error { return &typeFault{typ: p.typ, why: why} }
	switch p.typ.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.useScalar()
		return nil
	case reflect.Slice:
		return c.slice(p)
	case reflect.Array:
		return c.array(p)
	case reflect.Struct:
		return c.structType(p)
	case reflect.Map:
		return c.mapType(p)
	case reflect.Pointer:
		return c.pointer(p)
	case reflect.Interface:
		if p.typ.NumMethod() == 0 {
			c.deep = true
			p.encode, p.decode = encodeAny, decodeAny
			return nil
		}
		if p.typ == reflect.TypeFor[error]() {
			return refused("is an error and cannot travel as a value; use its text, or return it from the task")
		}
		return refused("cannot travel: of the interfaces only any can; use a concrete type")
	case reflect.Chan:
		return refused("cannot travel: a channel belongs to one process; use a queue or a pipe")
	case reflect.Func:
		return refused("cannot travel: a function is no data; use a task")
	case reflect.Complex64, reflect.Complex128:
		return refused("cannot travel: msgpack has no complex numbers; use two floats")
	default: // uintptr and unsafe.Pointer
		return refused("cannot travel: an address means nothing in another process")
	}
}
