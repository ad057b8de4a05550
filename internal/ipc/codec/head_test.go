package codec

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// headAndTail checks that the two parts are the encoding, and returns how much was left
// where it is.
func headAndTail[T any](t *testing.T, v T) (left int) {
	t.Helper()
	c, err := Of[T]()
	require.NoError(t, err)
	whole, err := Append(c, []byte("before"), &v)
	require.NoError(t, err)
	head, tail, err := AppendHead(c, []byte("before"), &v)
	require.NoError(t, err)
	assert.Equal(t, whole, append(bytes.Clone(head), tail...))
	return len(tail)
}

func TestAppendHeadAndTailAreTheEncoding(t *testing.T) {
	type named []float32
	for _, n := range []int{splitFrom - 2, splitFrom, 70000} {
		expected := n
		if n < splitFrom {
			expected = 0
		}
		assert.Equal(t, expected, headAndTail(t, bytes.Repeat([]byte{7}, n)))
		assert.Equal(t, expected, headAndTail(t, make([]int16, n/2)))
		assert.Zero(t, headAndTail(t, struct{ B []byte }{make([]byte, n)}), "only a slice that is all there is")
		assert.Zero(t, headAndTail(t, string(make([]byte, n))))
		assert.Zero(t, headAndTail(t, any(make([]byte, n))))
	}
	assert.Equal(t, 4*splitFrom, headAndTail(t, make(named, splitFrom)))
	assert.Zero(t, headAndTail(t, []byte(nil)))
	assert.Zero(t, headAndTail(t, []byte{}))
}

// The tail is the memory of the value itself.
func TestAppendHeadDoesNotCopy(t *testing.T) {
	v := make([]int64, splitFrom)
	c, err := Of[[]int64]()
	require.NoError(t, err)
	_, tail, err := AppendHead(c, nil, &v)
	require.NoError(t, err)
	v[0] = 1
	assert.Equal(t, sliceMemory(reflect.ValueOf(&v).Elem(), 8)[:8], tail[:8])
}

func TestDecodeIntoUsesTheMemoryThereIs(t *testing.T) {
	c, err := Of[[]int32]()
	require.NoError(t, err)
	encoded := func(v []int32) []byte {
		data, err := Append(c, nil, &v)
		require.NoError(t, err)
		return data
	}
	room := make([]int32, 3, 10)
	v := room
	for _, want := range [][]int32{{1, 2, 3, 4}, {5}, {}, make([]int32, 10)} {
		require.NoError(t, DecodeInto(c, encoded(want), &v))
		assert.Equal(t, want, v)
		assert.Same(t, &room[:1][0], &v[:1][0])
	}
	large := make([]int32, 11)
	require.NoError(t, DecodeInto(c, encoded(large), &v))
	assert.Equal(t, large, v)
	require.NoError(t, DecodeInto(c, encoded(nil), &v))
	assert.Nil(t, v)
	require.NoError(t, DecodeInto(c, encoded([]int32{}), &v))
	assert.Equal(t, []int32{}, v)

	v = room
	data := encoded([]int32{1, 2})
	for cut := range data {
		assert.ErrorIs(t, DecodeInto(c, data[:cut], &v), ErrMalformed)
	}
	assert.ErrorIs(t, DecodeInto(c, append(data, 0), &v), ErrMalformed)

	words, err := Of[[]string]()
	require.NoError(t, err)
	texts := []string{"a", "b"}
	data, err = Append(words, nil, &texts)
	require.NoError(t, err)
	into := make([]string, 0, 5)
	require.NoError(t, DecodeInto(words, data, &into))
	assert.Equal(t, texts, into)
}
