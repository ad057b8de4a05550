package codec

import (
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"
)

// What an any may hold, and how it is told apart: nil, bool, int, float32, float64, string, []byte, []any,
// map[string]any and time.Time are the msgpack values (or the extension) that only they use. Every other type is
// marked: the array [ExtKind(kind), value].

const anyAllows = "nil, bool, numbers, string, time.Time, time.Duration, []any, map[string]any, map[any]any and slices of bool, numbers and string"

type anyKind struct {
	kind byte
	plan *plan
}

// anyKinds are the marked types.
type anyKinds struct {
	byType map[reflect.Type]anyKind
	byKind map[byte]anyKind
}

var (
	markedOnce sync.Once
	markedAll  anyKinds
)

// marked returns the table of the marked types. It is made at first use because the plans of maps and slices of any
// refer to it again.
func marked() *anyKinds {
	markedOnce.Do(func() {
		markedAll = anyKinds{byType: make(map[reflect.Type]anyKind), byKind: make(map[byte]anyKind)}
		c := compiler{plans: make(map[reflect.Type]*plan)}
		for kind, t := range markedTypes {
			p, err := c.plan(t)
			if err != nil {
				panic(fmt.Sprintf("codec: %s: %v", t, err)) // a mistake in the table
			}
			markedAll.byType[t], markedAll.byKind[kind] = anyKind{kind, p}, anyKind{kind, p}
		}
	})
	return &markedAll
}

var markedTypes = map[byte]reflect.Type{
	kindInt8: reflect.TypeFor[int8](), kindInt16: reflect.TypeFor[int16](),
	kindInt32: reflect.TypeFor[int32](), kindInt64: reflect.TypeFor[int64](),
	kindUint: reflect.TypeFor[uint](), kindUint8: reflect.TypeFor[uint8](), kindUint16: reflect.TypeFor[uint16](),
	kindUint32: reflect.TypeFor[uint32](), kindUint64: reflect.TypeFor[uint64](),
	kindDuration: reflect.TypeFor[time.Duration](),
	kindBytes:    reflect.TypeFor[[]byte](), kindAnys: reflect.TypeFor[[]any](),
	kindStringMap: reflect.TypeFor[map[string]any](), kindAnyMap: reflect.TypeFor[map[any]any](),
	kindBools: reflect.TypeFor[[]bool](), kindInts: reflect.TypeFor[[]int](),
	kindInt8s: reflect.TypeFor[[]int8](), kindInt16s: reflect.TypeFor[[]int16](),
	kindInt32s: reflect.TypeFor[[]int32](), kindInt64s: reflect.TypeFor[[]int64](),
	kindUints: reflect.TypeFor[[]uint](), kindUint16s: reflect.TypeFor[[]uint16](),
	kindUint32s: reflect.TypeFor[[]uint32](), kindUint64s: reflect.TypeFor[[]uint64](),
	kindFloat32s: reflect.TypeFor[[]float32](), kindFloat64s: reflect.TypeFor[[]float64](),
	kindStrings: reflect.TypeFor[[]string](),
}

func encodeAny(dst []byte, v reflect.Value, f frame) ([]byte, error) {
	switch x := v.Interface().(type) {
	case nil:
		return append(dst, codeNil), nil
	case bool:
		return appendBool(dst, x), nil
	case int:
		return appendInt(dst, int64(x)), nil
	case float32:
		return appendFloat32(dst, math.Float32bits(x)), nil
	case float64:
		return appendFloat64(dst, math.Float64bits(x)), nil
	case string:
		return encodeString(dst, v.Elem(), f)
	case time.Time:
		dst, err := appendTimeExt(dst, x)
		if err != nil {
			return dst, &fault{reason: "time.Time", err: err}
		}
		return dst, nil
	}
	content := v.Elem()
	k, ok := marked().byType[content.Type()]
	if !ok {
		return dst, refuse("holds %s, which cannot travel in an any; it may hold %s", content.Type(), anyAllows)
	}
	if k.needsNoMark() && !content.IsNil() {
		return k.plan.encode(dst, content, f)
	}
	f, err := f.enter(dst)
	if err != nil {
		return dst, err
	}
	dst = append(appendArrayHeader(dst, 2), codeFixExt1, byte(ExtKind), k.kind)
	return k.plan.encode(dst, content, f)
}

// needsNoMark reports whether msgpack itself tells the type, if the value is not nil.
func (k anyKind) needsNoMark() bool {
	return k.kind == kindBytes || k.kind == kindAnys || k.kind == kindStringMap
}

func decodeAny(src []byte, v reflect.Value, alias bool) ([]byte, error) {
	h, ok := parseHeader(src)
	if !ok {
		return nil, mismatch(src, "a value")
	}
	switch h.family {
	case famNil:
		return src[1:], nil
	case famBool:
		return decodeContent[bool](decodeBool, src, v)
	case famInt:
		return decodeContent[int](decodeInt, src, v)
	case famFloat32:
		return decodeContent[float32](decodeFloat32, src, v)
	case famFloat64:
		return decodeContent[float64](decodeFloat64, src, v)
	case famStr:
		return decodeContent[string](decodeString, src, v)
	case famBin:
		return decodeMarked(kindBytes, src, v, alias)
	case famMap:
		return decodeMarked(kindStringMap, src, v, alias)
	case famArray:
		if kind, rest, ok := readMark(src[h.size:]); ok && h.n == 2 {
			return decodeMarked(kind, rest, v, alias)
		}
		return decodeMarked(kindAnys, src, v, alias)
	default:
		ext, payload, rest, ok := readExt(src)
		if !ok || ext != ExtTime {
			return nil, mismatch(src, "a value that an any may hold")
		}
		t, err := decodeTime(payload)
		if err != nil {
			return nil, &fault{reason: "time.Time", err: err, left: len(src)}
		}
		v.Set(reflect.ValueOf(t))
		return rest, nil
	}
}

// decodeContent decodes a T and puts it into v, an any.
func decodeContent[T any](decode decodeFunc, src []byte, v reflect.Value) ([]byte, error) {
	var content T
	rest, err := decode(src, reflect.ValueOf(&content).Elem(), false)
	if err != nil {
		return nil, err
	}
	v.Set(reflect.ValueOf(content))
	return rest, nil
}

// readMark reads the mark of a kind.
func readMark(src []byte) (kind byte, rest []byte, ok bool) {
	if len(src) < 3 || src[0] != codeFixExt1 || src[1] != byte(ExtKind) {
		return 0, nil, false
	}
	return src[2], src[3:], true
}

// decodeMarked decodes a value of a kind from the table and puts it into v, an any.
func decodeMarked(kind byte, src []byte, v reflect.Value, alias bool) ([]byte, error) {
	k, ok := marked().byKind[kind]
	if !ok {
		return nil, malformed(src, "unknown kind %#02x", kind)
	}
	content := reflect.New(k.plan.typ).Elem()
	rest, err := k.plan.decode(src, content, alias)
	if err != nil {
		return nil, err
	}
	v.Set(content)
	return rest, nil
}
