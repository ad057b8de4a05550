package codec

import (
	"bytes"
	"reflect"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listed is a struct with a field of each type that Fields can have.
type listed struct {
	Bool   bool
	Int    int
	Int64  int64
	Inside struct {
		Uint8  uint8
		Uint32 uint32
	}
	Uint64 uint64
	String string
	Bytes  []byte
}

func (l *listed) fields() Fields {
	return Fields{&l.Bool, &l.Int, &l.Int64, Fields{&l.Inside.Uint8, &l.Inside.Uint32}, &l.Uint64, &l.String, &l.Bytes}
}

func TestFieldsAreEncodedAsTheirStruct(t *testing.T) {
	c, err := For(reflect.TypeFor[listed]())
	require.NoError(t, err)
	same := func(l listed) bool {
		want, err := Append(c, []byte("head"), &l)
		require.NoError(t, err)
		got, err := l.fields().Append([]byte("head"))
		require.NoError(t, err)
		var back listed
		require.NoError(t, back.fields().Decode(got[len("head"):]))
		return assert.Equal(t, want, got) && assert.Equal(t, l, back)
	}
	assert.NoError(t, quick.Check(same, nil))
	assert.True(t, same(listed{}), "nil bytes")
	assert.True(t, same(listed{Int: -33, Int64: -1 << 63, Uint64: 1<<64 - 1, Bytes: []byte{}}), "empty bytes")
}

// What the codec of the struct refuses, Fields refuse, and the rest means the same to both.
func FuzzFields(f *testing.F) {
	c, err := For(reflect.TypeFor[listed]())
	require.NoError(f, err)
	whole := listed{Bool: true, Int: -1, Int64: 1 << 40, Uint64: 1 << 63, String: "s", Bytes: []byte{0}}
	whole.Inside.Uint8, whole.Inside.Uint32 = 200, 1<<32-1
	good, err := whole.fields().Append(nil)
	require.NoError(f, err)
	f.Add(good)
	for i := range good {
		f.Add(good[:i])
		for _, b := range []byte{0, codeNil, codeFalse, codeBin32, codeUint64, codeInt8, codeInt64, codeStr32, codeArray16, 0xff} {
			f.Add(append(append(bytes.Clone(good[:i]), b), good[i+1:]...))
		}
	}
	f.Add(append(bytes.Clone(good), 0))
	f.Fuzz(func(t *testing.T, src []byte) {
		var want, got listed
		wantErr := c.Decode(src, reflect.ValueOf(&want).Elem())
		err := got.fields().Decode(src)
		if wantErr != nil {
			require.ErrorIs(t, err, ErrMalformed, "the codec says: %v", wantErr)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestFieldsSayWhatIsWrong(t *testing.T) {
	var l listed
	for want, src := range map[string][]byte{
		"expected array, found the end of the message at offset 0: malformed message":        {},
		"6 items, expected 7 at offset 0: malformed message":                                 {0x96, 1, 1, 1, 1, 1, 1},
		"7 items of at least 1 bytes, with 1 bytes left at offset 0: malformed message":      {0x97, codeTrue},
		"[0]: expected bool, found int at offset 1: malformed message":                       {0x97, 1, 1, 1, 1, 1, 1, 1},
		"[3][0]: 256 does not fit uint8 at offset 5: malformed message":                      {0x97, codeTrue, 1, 1, 0x92, codeUint16, 1, 0, 1, 1, codeFixStr, codeNil},
		"[3][1]: -1 does not fit uint32 at offset 6: malformed message":                      {0x97, codeTrue, 1, 1, 0x92, 1, 0xff, 1, codeFixStr, codeNil},
		"[5]: expected str, found str of 2 bytes with 1 left at offset 8: malformed message": {0x97, codeTrue, 1, 1, 0x92, 1, 1, 1, codeFixStr | 2, codeNil},
		"1 bytes follow the value at offset 10: malformed message":                           {0x97, codeTrue, 1, 1, 0x92, 1, 1, 1, codeFixStr, codeNil, 0},
	} {
		assert.EqualError(t, l.fields().Decode(src), want)
	}
}

func TestFieldsTooLarge(t *testing.T) {
	defer func(was uint64) { maxMessage = was }(maxMessage)
	maxMessage = 10
	for _, l := range []listed{{String: "12345678901"}, {Bytes: make([]byte, 11)}, {String: "12"}} {
		dst, err := l.fields().Append([]byte("head"))
		assert.ErrorContains(t, err, "the encoding is larger than 10 bytes")
		assert.Equal(t, "head", string(dst))
	}
}

func TestFieldsOfAnotherType(t *testing.T) {
	var f float64
	const want = "codec: Fields cannot have a *float64"
	assert.PanicsWithValue(t, want, func() { _, _ = Fields{&f}.Append(nil) })
	assert.PanicsWithValue(t, want, func() { _ = Fields{&f}.Decode([]byte{0x91, 1}) })
}
