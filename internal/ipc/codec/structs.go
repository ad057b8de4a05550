package codec

import (
	"fmt"
	"reflect"
)

// field is one field of a struct that travels.
type field struct {
	index int
	plan  *plan
	step  string // of the path: ".Name"
}

// structType is the plan of a struct: the array of its fields in their order. Both ends are the same build, so names
// would say nothing, and tags mean nothing: every field travels.
func (c *compiler) structType(p *plan) error {
	t := p.typ
	var fields []field
	var faults error
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		step := "." + f.Name
		if !f.IsExported() {
			faults = anotherFault(faults, inType(&typeFault{typ: f.Type, why: unexported(t, f.Type)}, step))
			continue
		}
		fp, err := c.plan(f.Type)
		if err != nil {
			faults = anotherFault(faults, inType(err, step))
			continue
		}
		fields = append(fields, field{i, fp, step})
		p.minSize += fp.minSize
		p.inMemory = p.inMemory || fp.inMemory
	}
	if faults != nil {
		return faults
	}
	p.layout = layoutOf(t)
	p.encode = structEncoder(fields)
	p.decode = structDecoder(fields)
	return nil
}

// anotherFault adds the fault of a field to those of the fields before it.
func anotherFault(faults, err error) error {
	if first, ok := faults.(*typeFault); ok {
		return first.also(err)
	}
	return err
}

func structEncoder(fields []field) encodeFunc {
	head := appendArrayHeader(nil, len(fields))
	return func(dst []byte, v reflect.Value, f frame) (_ []byte, err error) {
		if f, err = f.enter(dst); err != nil {
			return dst, err
		}
		dst = append(dst, head...)
		for i := range fields {
			field := &fields[i]
			if dst, err = field.plan.encode(dst, v.Field(field.index), f); err != nil {
				return dst, within(err, field.step)
			}
		}
		return dst, nil
	}
}

func structDecoder(fields []field) decodeFunc {
	return func(src []byte, v reflect.Value, alias bool) (_ []byte, err error) {
		n, rest, ok := readCount(src, famArray, 1)
		if !ok || n != len(fields) {
			return nil, mismatch(src, fmt.Sprintf("array of the %d fields of %s", len(fields), v.Type()))
		}
		for i := range fields {
			field := &fields[i]
			if rest, err = field.plan.decode(rest, v.Field(field.index), alias); err != nil {
				return nil, within(err, field.step)
			}
		}
		return rest, nil
	}
}
