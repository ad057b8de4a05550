package codec

import "reflect"

// Fields are the fields of a struct, in their order, as pointers: *bool, *int, *int64, *uint8, *uint32, *uint64,
// *string or *[]byte, or Fields for a struct inside. They travel exactly as the struct does, without its [Codec]: to
// compile one is too dear for a value that a process encodes or decodes once in its life.
type Fields []any

// Append appends the encoding. On error it returns dst as it was.
func (fields Fields) Append(dst []byte) ([]byte, error) {
	f := newFrame(dst)
	out, err := fields.append(dst, f)
	if err == nil {
		err = f.fits(out, 0)
	}
	if err != nil {
		return dst, encodeError(nil, err)
	}
	return out, nil
}

func (fields Fields) append(dst []byte, f frame) (_ []byte, err error) {
	dst = appendArrayHeader(dst, len(fields))
	for i, field := range fields {
		switch p := field.(type) {
		case *bool:
			dst = appendBool(dst, *p)
		case *int:
			dst = appendInt(dst, int64(*p))
		case *int64:
			dst = appendInt(dst, *p)
		case *uint8:
			dst = appendUint(dst, uint64(*p))
		case *uint32:
			dst = appendUint(dst, uint64(*p))
		case *uint64:
			dst = appendUint(dst, *p)
		case *string:
			if err = f.fits(dst, len(*p)); err == nil {
				dst = appendString(dst, *p)
			}
		case *[]byte:
			if *p == nil {
				dst = append(dst, codeNil)
			} else if err = f.fits(dst, len(*p)); err == nil {
				dst = appendBin(dst, *p)
			}
		case Fields:
			dst, err = p.append(dst, f)
		default:
			panic(notAField(field))
		}
		if err != nil {
			return dst, withinIndex(err, i)
		}
	}
	return dst, nil
}

// Decode decodes src, the whole of it, into what the pointers point to. It fails as [Codec.Decode] does; a part of the
// fields is then set.
func (fields Fields) Decode(src []byte) error {
	rest, err := fields.decode(src)
	if err == nil {
		err = trailing(rest)
	}
	if err != nil {
		return decodeError(nil, err, len(src))
	}
	return nil
}

func (fields Fields) decode(src []byte) (rest []byte, err error) {
	n, rest, ok := readCount(src, famArray, 1)
	if !ok {
		return nil, miscounted(src, famArray, 1)
	}
	if n != len(fields) {
		return nil, malformed(src, "%d items, expected %d", n, len(fields))
	}
	for i, field := range fields {
		switch p := field.(type) {
		case *bool:
			rest, err = readBool(rest, p)
		case *int:
			rest, err = readInto(rest, p)
		case *int64:
			rest, err = readInto(rest, p)
		case *uint8:
			rest, err = readInto(rest, p)
		case *uint32:
			rest, err = readInto(rest, p)
		case *uint64:
			rest, err = readInto(rest, p)
		case *string:
			rest, err = readString(rest, p)
		case *[]byte:
			rest, err = readBytes(rest, p)
		case Fields:
			rest, err = p.decode(rest)
		default:
			panic(notAField(field))
		}
		if err != nil {
			return nil, withinIndex(err, i)
		}
	}
	return rest, nil
}

func notAField(field any) string {
	return "codec: Fields cannot have a " + reflect.TypeOf(field).String()
}

func readBool(src []byte, p *bool) ([]byte, error) {
	if len(src) == 0 || src[0]&^1 != codeFalse {
		return nil, mismatch(src, "bool")
	}
	*p = src[0] == codeTrue
	return src[1:], nil
}

// readInto reads an integer that fits T.
func readInto[T int | int64 | uint8 | uint32 | uint64](src []byte, p *T) ([]byte, error) {
	bits, negative, rest, ok := readInteger(src)
	if !ok {
		return nil, mismatch(src, reflect.TypeFor[T]().String())
	}
	*p = T(bits)
	if (*p < 0) != negative || uint64(*p) != bits {
		return nil, narrowed(src, bits, negative, reflect.TypeFor[T]())
	}
	return rest, nil
}

func readString(src []byte, p *string) ([]byte, error) {
	body, rest, ok := readBody(src, famStr)
	if !ok {
		return nil, mismatch(src, "str")
	}
	*p = string(body)
	return rest, nil
}

func readBytes(src []byte, p *[]byte) ([]byte, error) {
	if isNil(src) {
		*p = nil
		return src[1:], nil
	}
	body, rest, ok := readBody(src, famBin)
	if !ok {
		return nil, mismatch(src, "bin")
	}
	*p = append([]byte{}, body...)
	return rest, nil
}
