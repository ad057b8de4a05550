package codec

import (
	"bytes"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzDecode decodes any bytes as many types. Nothing may panic, and what is accepted must encode and decode again to
// the same.
func FuzzDecode(f *testing.F) {
	values := []any{
		5, "text", []byte("bytes"), []int{1, 2}, []bool{true}, []packed{{A: true}}, [2]string{"a", "b"}, job{1, "a", 2},
		tree{Kids: []tree{{Name: "x", Any: map[any]any{1: []int{2}}}}, Tags: map[string][]int{"a": {1}}},
		map[key][]key{{"a", 1}: {{"b", 2}}}, []any{nil, true, int8(1), 1.5, "s", []byte{1}, time.Second, []string{"x"}},
		map[any]any{1: 2, "a": uint64(math.MaxUint64)}, deep{nil, {}}, ptr(ptr(map[string]int{"a": 1})), loop(ptr(loop(nil))),
		time.Unix(5, 6).UTC(), time.Unix(5, 6).In(time.FixedZone("X", 60)), []secret{{5}}, []custom{{1, "a"}}, []wild{{"a"}},
		map[float64]*float32{1: ptr(float32(2))}, uint16(7), []struct{}{{}},
	}
	var all []*Codec
	for i, v := range values {
		c, err := For(reflect.TypeOf(v))
		require.NoError(f, err)
		src, err := c.Append(nil, reflect.ValueOf(v))
		require.NoError(f, err)
		all = append(all, c)
		f.Add(uint8(i), src)
	}
	f.Add(uint8(7), []byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Add(uint8(10), bytes.Repeat([]byte{0x91}, 300))
	f.Fuzz(func(t *testing.T, which uint8, src []byte) {
		c := all[int(which)%len(all)]
		v := reflect.New(c.Type()).Elem()
		if err := c.Decode(src, v); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		again, err := c.Append(nil, v)
		require.NoError(t, err)
		_, err = Walk(again)
		require.NoError(t, err)
		w := reflect.New(c.Type()).Elem()
		require.NoError(t, c.DecodeAlias(again, w))
		third, err := c.Append(nil, w)
		require.NoError(t, err)
		require.Len(t, third, len(again)) // maps come in any order, and NaN equals nothing
	})
}
