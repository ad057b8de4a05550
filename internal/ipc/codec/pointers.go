package codec

import "reflect"

// pointer is the plan of *E: nil, or the value pointed to. If that may itself encode as nil, an array of one goes
// around it, so that a pointer to a nil map and a nil pointer stay apart.
func (c *compiler) pointer(p *plan) error {
	elem, err := c.plan(p.typ.Elem())
	if err != nil {
		return err
	}
	p.encode = func(dst []byte, v reflect.Value, f frame) (_ []byte, err error) {
		if v.IsNil() {
			return append(dst, codeNil), nil
		}
		if elem.nilable {
			if f, err = f.enter(dst); err != nil {
				return dst, err
			}
			dst = appendArrayHeader(dst, 1)
		}
		if err := f.open(v); err != nil {
			return dst, err
		}
		dst, err = elem.encode(dst, v.Elem(), f)
		f.close(v)
		return dst, err
	}
	p.decode = func(src []byte, v reflect.Value, alias bool) ([]byte, error) {
		if isNil(src) {
			return src[1:], nil
		}
		if elem.nilable {
			n, rest, ok := readCount(src, famArray, 1)
			if !ok || n != 1 {
				return nil, mismatch(src, "nil or array of 1")
			}
			src = rest
		}
		if len(src) < elem.minSize { // before memory is reserved
			return nil, mismatch(src, elem.typ.String())
		}
		v.Set(reflect.New(elem.typ))
		return elem.decode(src, v.Elem(), alias)
	}
	return nil
}
