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
