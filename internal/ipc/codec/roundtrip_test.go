package codec

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// roundTrip encodes v and decodes it into a dirty value of the same type.
func roundTrip(t *testing.T, v any) any {
	t.Helper()
	c, err := For(reflect.TypeOf(v))
	require.NoError(t, err)
	src, err := c.Append([]byte("before"), reflect.ValueOf(v))
	require.NoError(t, err)
	src = src[len("before"):]
	rest, err := Walk(src)
	require.NoError(t, err)
	require.Empty(t, rest)
	out := reflect.New(c.Type()).Elem()
	require.NoError(t, c.Decode(src, out))
	again := reflect.New(c.Type()).Elem()
	again.Set(out) // not zero any more
	require.NoError(t, c.DecodeAlias(src, again))
	twice, err := c.Append(nil, again)
	require.NoError(t, err)
	require.Len(t, twice, len(src))
	for cut := range min(len(src), 200) { // no proper prefix is an encoding
		err := c.Decode(src[:cut], reflect.New(c.Type()).Elem())
		require.ErrorIs(t, err, ErrMalformed, "cut at %d", cut)
	}
	return out.Interface()
}

type (
	level  int8
	point  struct{ X, Y float64 }
	packed struct {
		A bool
		B int64
		C [3]bool
		_ int32
		D struct{ E, F uint8 }
	}
	job struct {
		ID    int
		Name  string
		Score float32
	}
	Base struct{ ID int }
	tree struct {
		Base
		*Sub
		Name string `msgpack:"-" json:",omitempty"`
		Kids []tree
		Next *tree
		Tags map[string][]int
		Any  any
		_    string
		None struct{}
	}
	Sub  struct{ S string }
	deep []deep
	loop *loop
	node struct {
		V    int
		Next *node
	}
	key struct {
		A string
		B int
	}
	stamped struct {
		time.Time
		Name string
	}
)

func ptr[T any](v T) *T { return &v }

func TestRoundTrip(t *testing.T) {
	var nilMap map[string]int
	var nilSlice []int
	var nilAny any
	addr := netip.MustParseAddr("fe80::1%eth0")
	link, err := url.Parse("https://u:p@example.org/a%20b?q=1#f")
	require.NoError(t, err)
	float := new(big.Float).SetPrec(300).SetMode(big.ToZero)
	float.SetString("3.14159265358979323846264338327950288419716939937510")

	values := []any{
		true, false, "", "text", string([]byte{0xff, 0, 0xfe}), string(make([]byte, 31)), string(make([]byte, 32)),
		string(make([]byte, 255)), string(make([]byte, 256)), string(make([]byte, 70000)),
		float32(1.5), math.Pi, math.Inf(-1), math.Copysign(0, -1), level(-3), time.Duration(5),
		[]byte(nil), []byte{}, []byte{1, 2}, make([]byte, 256), make([]byte, 70000), [4]byte{1, 2, 3, 4}, [0]byte{},
		[]int(nil), []int{}, []int{1, -2, math.MaxInt}, []bool{true, false}, []float32{1, 2}, []level{1, 2},
		[3]int{1, 2, 3}, [2][2]float64{{1, 2}, {3, 4}}, [][3]int16{{1, 2, 3}}, [0]string{}, [2]string{"a", "b"},
		[1 << 20]struct{}{}, []struct{}{{}, {}}, []struct{}(nil), struct{}{},
		[]point{{1, 2}, {3, 4}}, []packed{{A: true, B: 5, C: [3]bool{true, false, true}}, {}}, packed{B: 3},
		[]string(nil), []string{}, []string{"a", ""}, [][]int{nil, {}, {1}}, make([]string, 20), make([]string, 70000),
		map[string]int(nil), map[string]int{}, map[string]int{"a": 1, "b": 2}, map[key][]key{{"a", 1}: {{"b", 2}}, {}: nil},
		map[float32]string{1.5: "x"}, map[int]map[int]bool{1: {2: true}, 3: nil, 4: {}}, map[any]any{1: "a", int8(1): 2.5},
		map[[2]string]*int{{"a", "b"}: ptr(1), {}: nil}, map[int][8]int{1: {7: 9}},
		(*int)(nil), ptr(5), ptr(ptr(5)), ptr((*int)(nil)), ptr(ptr((*int)(nil))), ptr(nilMap), ptr(nilSlice), ptr(nilAny),
		ptr(any(5)), ptr(map[string]int{}), ptr([]byte(nil)), ptr([]byte{}), ptr(job{1, "a", 2}), (*job)(nil),
		job{1, "a", 2.5}, []job{{1, "a", 2}, {2, "b", 3}}, stamped{time.Unix(1, 2).UTC(), "x"},
		deep(nil), deep{}, deep{nil, {}, {{}, {nil}}}, loop(nil), loop(ptr(loop(ptr(loop(nil))))),
		node{1, &node{2, &node{3, nil}}},
		tree{
			Base: Base{7}, Sub: &Sub{"s"}, Name: "root", Kids: []tree{{Name: "kid", Kids: []tree{}}},
			Next: &tree{Any: []any{1, "x"}}, Tags: map[string][]int{"a": nil, "b": {}, "c": {1}}, Any: int16(4),
		},
		addr, *link, []*url.URL{link, nil}, ptr(big.NewInt(-5)), *big.NewInt(1 << 40), float, big.NewRat(2, 3),
	}
	for i, v := range values {
		t.Run(fmt.Sprintf("%d %T", i, v), func(t *testing.T) {
			assert.Equal(t, v, roundTrip(t, v))
			many := reflect.MakeSlice(reflect.SliceOf(reflect.TypeOf(v)), 2, 2)
			many.Index(0).Set(reflect.ValueOf(v))
			assert.Equal(t, many.Interface(), roundTrip(t, many.Interface()))
		})
	}
}

func TestIntegersOfEveryWidth(t *testing.T) {
	for shift := range 64 {
		for _, d := range []int64{-1, 0, 1} {
			i := int64(1)<<shift + d
			for _, v := range []any{int(i), int64(i), int32(i), int16(i), int8(i), -i, uint(i), uint64(i), uint32(i), uint16(i), uint8(i)} {
				assert.Equal(t, v, roundTrip(t, v))
			}
		}
	}
}

func TestFloatsKeepEveryBit(t *testing.T) {
	for _, bits := range []uint32{0x7fa00001, 0x7fc00001, 0xffa12345, 0x80000000} {
		type half struct {
			F float32
			S string
		}
		f := math.Float32frombits(bits)
		check := func(got float32) { assert.Equal(t, bits, math.Float32bits(got)) }
		check(roundTrip(t, f).(float32))
		check(roundTrip(t, half{F: f}).(half).F)
		check(roundTrip(t, []half{{F: f}}).([]half)[0].F)
		check(roundTrip(t, []any{f}).([]any)[0].(float32))
		check(roundTrip(t, map[string]float32{"": f}).(map[string]float32)[""])
	}
	for _, bits := range []uint64{0x7ff4000000000001, 0x7ff8000000000001, 0xfff4123456789abc} {
		got := roundTrip(t, math.Float64frombits(bits)).(float64)
		assert.Equal(t, bits, math.Float64bits(got))
	}
}

func TestNaNKeysStayApart(t *testing.T) {
	got := roundTrip(t, map[float64]int{math.NaN(): 1, math.NaN(): 2, 1: 3}).(map[float64]int)
	assert.Len(t, got, 3)
	assert.Len(t, roundTrip(t, map[any]int{math.NaN(): 1, math.NaN(): 2}), 2)
}

func TestBlankFieldsAreLeftOut(t *testing.T) {
	type blank struct {
		_ func()
		A string
		_ [0]chan int
	}
	src, err := marshal(blank{A: "a"})
	require.NoError(t, err)
	assert.Equal(t, []byte{0x91, 0xa1, 'a'}, src)
}

// Types with methods.

type secret struct{ n int }

func (s secret) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d", s.n), nil }
func (s *secret) UnmarshalText(text []byte) error {
	_, err := fmt.Sscan(string(text), &s.n)
	return err
}

type flag struct{ b []byte }

func (f *flag) MarshalBinary() ([]byte, error) { return f.b, nil }
func (f *flag) UnmarshalBinary(b []byte) error { f.b = b; return nil } // keeps b, against the rule

type custom struct {
	a int
	b string
}

func (c *custom) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeMulti(c.a, c.b) }
func (c *custom) DecodeMsgpack(d *msgpack.Decoder) error { return d.DecodeMulti(&c.a, &c.b) }

type wild struct{ what string }

var errWild = errors.New("wild")

func (w wild) MarshalBinary() ([]byte, error) {
	if w.what == "panic" {
		panic("boo")
	}
	if w.what == "error" {
		return nil, errWild
	}
	return []byte(w.what), nil
}

func (w *wild) UnmarshalBinary(b []byte) error {
	switch string(b) {
	case "panic later":
		w.what = string(b[len(b)])
	case "error later":
		return errWild
	}
	w.what = string(b)
	return nil
}

var _ encoding.BinaryMarshaler = wild{}

func TestMethods(t *testing.T) {
	for _, v := range []any{
		secret{5}, &secret{6}, []secret{{1}, {2}}, map[secret]secret{{1}: {2}}, struct{ S secret }{secret{3}},
		flag{[]byte("x")}, []flag{{[]byte("y")}}, [2]flag{{[]byte{}}, {[]byte("1")}}, map[string]flag{"": {[]byte("z")}},
		custom{1, "a"}, []*custom{{1, "a"}, nil}, wild{"x"},
	} {
		assert.Equal(t, v, roundTrip(t, v))
	}
}

func TestMethodsGetTheirOwnBytes(t *testing.T) {
	c, err := Of[flag]()
	require.NoError(t, err)
	src, err := Append(c, nil, &flag{[]byte("keep")})
	require.NoError(t, err)
	var got flag
	require.NoError(t, c.DecodeAlias(src, reflect.ValueOf(&got).Elem()))
	clear(src)
	assert.Equal(t, "keep", string(got.b))
}

func TestMethodsThatFail(t *testing.T) {
	_, err := marshal([]wild{{"ok"}, {"panic"}})
	assert.EqualError(t, err, "[1]: MarshalBinary of codec.wild: panic in MarshalBinary: boo")
	_, err = marshal(wild{"error"})
	assert.ErrorIs(t, err, errWild)

	src, err := marshal(wild{"panic later"})
	require.NoError(t, err)
	_, err = unmarshal[wild](src)
	assert.ErrorIs(t, err, ErrMalformed)
	assert.ErrorContains(t, err, "panic in UnmarshalBinary: runtime error: index out of range [11] with length 11")
	src, err = marshal(wild{"error later"})
	require.NoError(t, err)
	_, err = unmarshal[wild](src)
	assert.ErrorIs(t, err, ErrMalformed)
	assert.ErrorIs(t, err, errWild)

	_, err = unmarshal[custom](appendBin(nil, []byte{0xdd, 0xff, 0xff, 0xff, 0xff}))
	assert.ErrorIs(t, err, ErrMalformed)
	_, err = unmarshal[custom](appendBin(nil, []byte{1, 0xa1, 'a', 5}))
	assert.ErrorContains(t, err, "1 bytes are left over")
}

func TestDecodeAlias(t *testing.T) {
	type frame struct {
		Head int
		Body []byte
		Any  any
	}
	src, err := marshal(frame{1, []byte("body"), []byte("any")})
	require.NoError(t, err)
	c, err := Of[frame]()
	require.NoError(t, err)
	var kept, aliased frame
	require.NoError(t, Decode(c, src, &kept))
	require.NoError(t, c.DecodeAlias(src, reflect.ValueOf(&aliased).Elem()))
	copy(src[bytes.Index(src, []byte("body")):], "BODY")
	copy(src[bytes.Index(src, []byte("any")):], "ANY")
	assert.Equal(t, frame{1, []byte("body"), []byte("any")}, kept)
	assert.Equal(t, frame{1, []byte("BODY"), []byte("ANY")}, aliased)
	assert.Equal(t, len(aliased.Body), cap(aliased.Body))
}
