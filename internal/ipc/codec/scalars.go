package codec

import (
	"encoding/binary"
	"math"
	"reflect"
)

// useScalar is the plan of the bool, number and string kinds.
func (p *plan) useScalar() {
	p.layout = layoutOf(p.typ)
	switch p.typ.Kind() {
	case reflect.Bool:
		p.encode, p.decode = encodeBool, decodeBool
	case reflect.String:
		p.encode, p.decode = encodeString, decodeString
	case reflect.Float32:
		p.encode, p.decode, p.minSize, p.inMemory = encodeFloat32, decodeFloat32, 5, true
	case reflect.Float64:
		p.encode, p.decode, p.minSize = encodeFloat64, decodeFloat64, 9
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.encode, p.decode = encodeInt, decodeInt
	default:
		p.encode, p.decode = encodeUint, decodeUint
	}
}

func encodeBool(dst []byte, v reflect.Value, _ frame) ([]byte, error) {
	return appendBool(dst, v.Bool()), nil
}

func decodeBool(src []byte, v reflect.Value, _ bool) ([]byte, error) {
	if len(src) == 0 || src[0]&^1 != codeFalse {
		return nil, mismatch(src, "bool")
	}
	v.SetBool(src[0] == codeTrue)
	return src[1:], nil
}

func encodeInt(dst []byte, v reflect.Value, _ frame) ([]byte, error) {
	return appendInt(dst, v.Int()), nil
}

func decodeInt(src []byte, v reflect.Value, _ bool) ([]byte, error) {
	bits, negative, rest, ok := readInteger(src)
	if !ok {
		return nil, mismatch(src, v.Type().String())
	}
	i := int64(bits)
	if (i < 0) != negative || v.OverflowInt(i) {
		return nil, narrowed(src, bits, negative, v.Type())
	}
	v.SetInt(i)
	return rest, nil
}

func encodeUint(dst []byte, v reflect.Value, _ frame) ([]byte, error) {
	return appendUint(dst, v.Uint()), nil
}

func decodeUint(src []byte, v reflect.Value, _ bool) ([]byte, error) {
	bits, negative, rest, ok := readInteger(src)
	if !ok {
		return nil, mismatch(src, v.Type().String())
	}
	if negative || v.OverflowUint(bits) {
		return nil, narrowed(src, bits, negative, v.Type())
	}
	v.SetUint(bits)
	return rest, nil
}

func narrowed(src []byte, bits uint64, negative bool, t reflect.Type) error {
	if negative {
		return malformed(src, "%d does not fit %s", int64(bits), t)
	}
	return malformed(src, "%d does not fit %s", bits, t)
}

// readInteger reads an integer of any width. bits is its two's complement; negative tells -1 from 1<<64-1.
func readInteger(src []byte) (bits uint64, negative bool, rest []byte, ok bool) {
	if len(src) == 0 {
		return 0, false, nil, false
	}
	c, body := src[0], src[1:]
	if c <= codePosFixHigh {
		return uint64(c), false, body, true
	}
	if c >= codeNegFixLow {
		return uint64(int8(c)), true, body, true
	}
	if c < codeUint8 || c > codeInt64 {
		return 0, false, nil, false
	}
	width := 1 << (c & 3)
	if len(body) < width {
		return 0, false, nil, false
	}
	rest = body[width:]
	switch width {
	case 1:
		bits = uint64(body[0])
	case 2:
		bits = uint64(binary.BigEndian.Uint16(body))
	case 4:
		bits = uint64(binary.BigEndian.Uint32(body))
	case 8:
		bits = binary.BigEndian.Uint64(body)
	}
	if c < codeInt8 {
		return bits, false, rest, true
	}
	unused := 64 - 8*width
	i := int64(bits<<unused) >> unused
	return uint64(i), i < 0, rest, true
}

// encodeFloat32 takes the bits from memory: through Value.Float, which is a float64, a signalling NaN would turn quiet.
func encodeFloat32(dst []byte, v reflect.Value, _ frame) ([]byte, error) {
	return appendFloat32(dst, float32Bits(v)), nil
}

func decodeFloat32(src []byte, v reflect.Value, _ bool) ([]byte, error) {
	if len(src) < 5 || src[0] != codeFloat32 {
		return nil, mismatch(src, "float32")
	}
	setFloat32Bits(v, binary.BigEndian.Uint32(src[1:]))
	return src[5:], nil
}

func encodeFloat64(dst []byte, v reflect.Value, _ frame) ([]byte, error) {
	return appendFloat64(dst, math.Float64bits(v.Float())), nil
}

func decodeFloat64(src []byte, v reflect.Value, _ bool) ([]byte, error) {
	if len(src) < 9 || src[0] != codeFloat64 {
		return nil, mismatch(src, "float64")
	}
	v.SetFloat(math.Float64frombits(binary.BigEndian.Uint64(src[1:])))
	return src[9:], nil
}

func encodeString(dst []byte, v reflect.Value, f frame) ([]byte, error) {
	s := v.String()
	if err := f.fits(dst, len(s)); err != nil {
		return dst, err
	}
	return appendString(dst, s), nil
}

func decodeString(src []byte, v reflect.Value, _ bool) ([]byte, error) {
	b, rest, ok := readBody(src, famStr)
	if !ok {
		return nil, mismatch(src, "str")
	}
	v.SetString(string(b))
	return rest, nil
}
