package codec

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func checkItems[T any](t *testing.T, items []T) {
	t.Helper()
	c, err := Of[T]()
	require.NoError(t, err)
	src, err := AppendItems(c, []byte{7}, items)
	require.NoError(t, err)
	src = src[1:]
	whole, err := marshal(items)
	require.NoError(t, err)
	assert.Equal(t, whole, src, "the encoding of the slice")

	out := make([]T, len(items))
	require.NoError(t, DecodeItems(c, src, out))
	assert.Equal(t, append([]T{}, items...), out)
	require.NoError(t, DecodeItems(c, src, out), "again into what is not zero")
	assert.Equal(t, append([]T{}, items...), out)
	for shift := range 8 { // aligned and not
		at := append(make([]byte, shift, shift+len(src)), src...)[shift:]
		got, err := AliasItems[T](c, at, len(items))
		require.NoError(t, err)
		assert.Equal(t, items, got)
	}
	assert.ErrorIs(t, DecodeItems(c, src, make([]T, len(items)+1)), ErrMalformed)
	_, err = AliasItems[T](c, src, len(items)+1)
	assert.ErrorIs(t, err, ErrMalformed)
	assert.ErrorIs(t, DecodeItems(c, append(src, 1), out), ErrMalformed)
	_, err = AliasItems[T](c, append(src, 1), len(items))
	assert.ErrorIs(t, err, ErrMalformed)
	for cut := range min(len(src), 100) {
		assert.ErrorIs(t, DecodeItems(c, src[:cut], make([]T, len(items))), ErrMalformed)
	}
}

func TestItems(t *testing.T) {
	checkItems(t, []int{1, 2, 3})
	checkItems(t, []int{})
	checkItems[int](t, nil)
	checkItems(t, []byte("bytes"))
	checkItems(t, []bool{true, false})
	checkItems(t, []point{{1, 2}})
	checkItems(t, []string{"a", "", "b"})
	checkItems[string](t, nil)
	checkItems(t, []struct{}{{}, {}})
	checkItems(t, []job{{1, "a", 2}})
	checkItems(t, []any{1, "a", nil, []any{int8(1)}})
	checkItems(t, []*job{nil, {1, "a", 2}})
	checkItems(t, [][]int{nil, {}, {1}})
	checkItems(t, []float32{1, 2})
}

// A caller may put the header itself and append the items one by one.
func TestItemsByHand(t *testing.T) {
	c, err := Of[job]()
	require.NoError(t, err)
	src := make([]byte, ArrayHeaderSize)
	want := []job{{1, "a", 2}, {2, "b", 3}}
	for i := range want {
		src, err = Append(c, src, &want[i])
		require.NoError(t, err)
	}
	PutArrayHeader(src, len(want))
	got := make([]job, 2)
	require.NoError(t, DecodeItems(c, src, got))
	assert.Equal(t, want, got)
}

func TestItemsErrorsNameTheItem(t *testing.T) {
	c, err := Of[any]()
	require.NoError(t, err)
	dst := []byte("kept")
	out, err := AppendItems(c, dst, []any{1, 2, []any{job{}}})
	assert.ErrorContains(t, err, "[2][0]: holds codec.job")
	assert.Equal(t, dst, out)
	n, err := Of[int8]()
	require.NoError(t, err)
	assert.ErrorContains(t, DecodeItems(n, []byte{0xa2, 1, 1}, make([]int8, 2)), "raw block")
	assert.NoError(t, DecodeItems(n, []byte{0x92, 1, 1}, make([]int8, 2)))
	s, err := Of[string]()
	require.NoError(t, err)
	assert.EqualError(t, DecodeItems(s, []byte{0x92, 0xa0, 1}, make([]string, 2)), "[1]: expected str, found int at offset 2: malformed message")
}

func TestAliasItemsAliases(t *testing.T) {
	c, err := Of[uint32]()
	require.NoError(t, err)
	buf := make([]byte, 64)
	shift := (4 - (int(reflect.ValueOf(buf).Pointer()%4)+RawHeaderSize)%4) % 4
	src := buf[shift : shift+RawHeaderSize+8]
	PutRawHeader(src, 8)
	got, err := AliasItems[uint32](c, src, 2)
	require.NoError(t, err)
	src[RawHeaderSize], src[RawHeaderSize+3] = 1, 1
	assert.Equal(t, []uint32{0x01000001, 0}, got)
	assert.Equal(t, 2, cap(got))
}
