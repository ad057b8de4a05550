package codec

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

func reflectOf(v any) reflect.Value { return reflect.ValueOf(v) }

func TestCodesAreThoseOfMsgpack(t *testing.T) {
	assert.Equal(t,
		[]byte{
			msgpcode.PosFixedNumHigh, msgpcode.FixedMapLow, msgpcode.FixedArrayLow, msgpcode.FixedStrLow, msgpcode.FixedStrHigh,
			msgpcode.Nil, msgpcode.False, msgpcode.True, msgpcode.Bin8, msgpcode.Bin16, msgpcode.Bin32, msgpcode.Ext8,
			msgpcode.Ext32, msgpcode.Float, msgpcode.Double, msgpcode.Uint8, msgpcode.Uint16, msgpcode.Uint32, msgpcode.Uint64,
			msgpcode.Int8, msgpcode.Int16, msgpcode.Int32, msgpcode.Int64, msgpcode.FixExt1, msgpcode.Str8, msgpcode.Str16,
			msgpcode.Str32, msgpcode.Array16, msgpcode.Array32, msgpcode.Map16, msgpcode.Map32, msgpcode.NegFixedNumLow,
		},
		[]byte{
			codePosFixHigh, codeFixMap, codeFixArray, codeFixStr, codeFixStrHigh,
			codeNil, codeFalse, codeTrue, codeBin8, codeBin16, codeBin32, codeExt8,
			codeExt32, codeFloat32, codeFloat64, codeUint8, codeUint16, codeUint32, codeUint64,
			codeInt8, codeInt16, codeInt32, codeInt64, codeFixExt1, codeStr8, codeStr16,
			codeStr32, codeArray16, codeArray32, codeMap16, codeMap32, codeNegFixLow,
		})
}

// What we write is byte for byte what msgpack/v5 writes.
func TestPrimitivesAgainstMsgpack(t *testing.T) {
	theirs := func(write func(*msgpack.Encoder) error) []byte {
		var buf bytes.Buffer
		require.NoError(t, write(msgpack.NewEncoder(&buf)))
		return buf.Bytes()
	}
	for shift := range 64 {
		for _, d := range []int64{-1, 0, 1} {
			i := int64(1)<<shift + d
			assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeInt(i) }), appendInt(nil, i))
			assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeInt(-i) }), appendInt(nil, -i))
			assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeUint(uint64(i)) }), appendUint(nil, uint64(i)))
		}
	}
	for _, n := range []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536} {
		b := make([]byte, n)
		assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeString(string(b)) }), appendString(nil, string(b)))
		assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeBytes(b) }), appendBin(nil, b))
		assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeArrayLen(n) }), appendArrayHeader(nil, n))
		assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeMapLen(n) }), appendMapHeader(nil, n))
		head := theirs(func(e *msgpack.Encoder) error { return e.EncodeExtHeader(9, n) })
		ext, body, rest, ok := readExt(append(head, b...))
		assert.True(t, ok)
		assert.EqualValues(t, 9, ext)
		assert.Len(t, body, n)
		assert.Empty(t, rest)
	}
	assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeFloat64(1.5) }), appendFloat64(nil, math.Float64bits(1.5)))
	assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeFloat32(1.5) }), appendFloat32(nil, math.Float32bits(1.5)))
	assert.Equal(t, theirs((*msgpack.Encoder).EncodeNil), []byte{codeNil})
	assert.Equal(t, theirs(func(e *msgpack.Encoder) error { return e.EncodeBool(true) }), appendBool(nil, true))
}

// The bytes of docs/protocol.md.
func TestWireForms(t *testing.T) {
	for _, c := range []struct {
		v    any
		want []byte
	}{
		{[]any{5}, []byte{0x91, 5}},
		{[]any{int8(5)}, []byte{0x91, 0x92, 0xd4, 2, 1, 5}},
		{[]any{[]int(nil)}, []byte{0x91, 0x92, 0xd4, 2, 0x31, 0xc0}},
		{[]int8{1, 2}, []byte{0xc9, 0, 0, 0, 2, 1, 1, 2}},
		{[]int8(nil), []byte{0xc0}},
		{[]int8{}, []byte{0xc9, 0, 0, 0, 0, 1}},
		{[2]int8{1, 2}, []byte{0xc9, 0, 0, 0, 2, 1, 1, 2}},
		{job{1, "a", 0}, []byte{0x93, 1, 0xa1, 'a', 0xca, 0, 0, 0, 0}},
		{ptr(ptr(1)), []byte{0x91, 1}},
		{ptr(job{1, "a", 0}), []byte{0x93, 1, 0xa1, 'a', 0xca, 0, 0, 0, 0}},
		{struct{}{}, []byte{0x90}},
		{map[int]bool{1: true}, []byte{0x81, 1, 0xc3}},
		{secret{5}, []byte{0xa1, '5'}},
		{wild{"x"}, []byte{0xc4, 1, 'x'}},
	} {
		codec, err := For(reflect.TypeOf(c.v))
		require.NoError(t, err)
		got, err := codec.Append(nil, reflectOf(c.v))
		require.NoError(t, err)
		assert.Equal(t, c.want, got, "%#v", c.v)
	}
}

func TestHeaders(t *testing.T) {
	raw := make([]byte, RawHeaderSize)
	PutRawHeader(raw, 0x01020304)
	assert.Equal(t, []byte{0xc9, 1, 2, 3, 4, 1}, raw)
	array := make([]byte, ArrayHeaderSize)
	PutArrayHeader(array, 0x01020304)
	assert.Equal(t, []byte{0xdd, 1, 2, 3, 4}, array)
}

func TestWalkStopsAtTheEndOfTheValue(t *testing.T) {
	rest, err := Walk([]byte{0x82, 1, 2, 3, 0x91, 4, 5, 6})
	require.NoError(t, err)
	assert.Equal(t, []byte{5, 6}, rest)
	_, err = Walk([]byte{0x91, 0xcb, 1})
	assert.EqualError(t, err, "expected a whole value, found a cut off float64 at offset 1: malformed message")
}
