package codec

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allocs counts the allocations of encoding and of decoding v.
func allocs[T any](t *testing.T, v T) (encode, decode float64) {
	c, err := Of[T]()
	require.NoError(t, err)
	buf, err := Append(c, nil, &v)
	require.NoError(t, err)
	encode = testing.AllocsPerRun(100, func() { buf, _ = Append(c, buf[:0], &v) })
	var got T
	decode = testing.AllocsPerRun(100, func() { _ = Decode(c, buf, &got) })
	assert.Equal(t, v, got)
	return encode, decode
}

func TestAllocations(t *testing.T) {
	check := func(name string, wantDecode, encode, decode float64) {
		t.Helper()
		assert.Zero(t, encode, "encode "+name)
		assert.Equal(t, wantDecode, decode, "decode "+name)
	}
	e, d := allocs(t, 300)
	check("int", 0, e, d)
	e, d = allocs(t, 1.5)
	check("float64", 0, e, d)
	e, d = allocs(t, "some text")
	check("string", 1, e, d)
	e, d = allocs(t, []byte("some bytes"))
	check("[]byte", 1, e, d)
	e, d = allocs(t, make([]int, 100))
	check("[]int", 1, e, d)
	e, d = allocs(t, point{1, 2})
	check("struct of floats", 0, e, d)
	e, d = allocs(t, job{1, "ab", 2})
	check("struct with a string", 1, e, d)
	e, d = allocs(t, &job{1, "ab", 2})
	check("pointer to it", 2, e, d)
	e, d = allocs(t, []string{"aa", "bb"})
	check("[]string", 3, e, d)
	e, d = allocs(t, [3]int{1, 2, 3})
	check("array", 0, e, d)

	c, err := Of[point]()
	require.NoError(t, err)
	items := make([]point, 100)
	buf, err := AppendItems(c, nil, items)
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = AppendItems(c, buf[:0], items) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = DecodeItems(c, buf, items) }))
	j, err := Of[job]()
	require.NoError(t, err)
	jobs := make([]job, 10)
	buf, err = AppendItems(j, nil, jobs)
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = AppendItems(j, buf[:0], jobs) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = DecodeItems(j, buf, jobs) }))
}
