package codec

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refused decodes src as T and returns the error, which must be there.
func refused[T any](t *testing.T, src []byte) error {
	t.Helper()
	_, err := unmarshal[T](src)
	require.ErrorIs(t, err, ErrMalformed, "%T %x", *new(T), src)
	return err
}

func TestNarrowingIsRefused(t *testing.T) {
	assert.EqualError(t, refused[int8](t, []byte{0xcd, 1, 44}), "300 does not fit int8 at offset 0: malformed message")
	refused[int8](t, []byte{0xcc, 128})
	refused[uint8](t, []byte{0xff})
	refused[uint16](t, []byte{0xd1, 0xff, 0xff})
	refused[uint64](t, []byte{0xff})
	refused[int64](t, []byte{0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0})
	refused[float32](t, appendFloat64(nil, 0))
	refused[float64](t, appendFloat32(nil, 0))
	refused[float64](t, []byte{1})
	refused[int](t, appendFloat64(nil, 0))
	wide, err := unmarshal[int8]([]byte{0xd3, 255, 255, 255, 255, 255, 255, 255, 251})
	require.NoError(t, err, "a wide form of a small number is fine")
	assert.EqualValues(t, -5, wide)
}

func TestWrongKindsAreRefused(t *testing.T) {
	one := appendInt(nil, 1)
	str := appendString(nil, "a")
	refused[bool](t, one)
	refused[string](t, one)
	refused[string](t, appendBin(nil, []byte("a")))
	refused[[]byte](t, str)
	refused[[]int](t, []byte{0x91, 1})
	refused[[]string](t, []byte{0x81, 1, 1})
	refused[map[int]int](t, []byte{0x92, 1, 1})
	refused[job](t, []byte{0x92, 1, 0xa0})
	refused[job](t, []byte{codeNil})
	refused[int](t, []byte{codeNil})
	refused[string](t, []byte{codeNil})
	refused[[2]int](t, []byte{codeNil})
	refused[[2]string](t, []byte{0x91, 0xa0})
	refused[[2]byte](t, appendBin(nil, []byte{1}))
	refused[**int](t, []byte{0x92, 1, 1})
	refused[*[]int](t, []byte{0x91})
	refused[struct{}](t, []byte{0x91, 1})
	refused[secret](t, one)
	err := refused[[]job](t, []byte{0x91, 0x93, 1, 0xc3, 1, 0, 0, 0, 0, 0})
	assert.EqualError(t, err, "[0].Name: expected str, found bool at offset 3: malformed message")
}

func TestTrailingBytesAreRefused(t *testing.T) {
	assert.EqualError(t, refused[int](t, []byte{1, 2, 3}), "2 bytes follow the value at offset 1: malformed message")
	refused[any](t, []byte{1, 2})
	refused[[]int](t, append([]byte{codeNil}, 1))
}

func TestRawBlocksAreChecked(t *testing.T) {
	raw := func(mem ...byte) []byte {
		head := make([]byte, RawHeaderSize)
		PutRawHeader(head, len(mem))
		return append(head, mem...)
	}
	assert.Contains(t, refused[[]bool](t, raw(1, 0, 2)).Error(), "a bool in element 2 is 2")
	refused[[3]bool](t, raw(1, 0, 2))
	for i := range 20 {
		mem := bytes.Repeat([]byte{1}, 20)
		mem[i] = 3
		assert.Equal(t, i, checkBools(mem))
	}
	refused[[]int16](t, raw(1, 0, 2))
	refused[[2]int16](t, raw(1, 0))
	refused[[]int16](t, []byte{0xc9, 0xff, 0xff, 0xff, 0xff, 1})
	refused[[]int16](t, []byte{0xd5, 9, 1, 1})
	good, err := marshal([]packed{{A: true}, {C: [3]bool{false, true, false}}})
	require.NoError(t, err)
	for i := range good { // every single byte at its worst
		bad := bytes.Clone(good)
		bad[i] = 0xff
		got, err := unmarshal[[]packed](bad)
		if err == nil {
			_, err = marshal(got)
			require.NoError(t, err)
		}
	}
	bad := bytes.Clone(good)
	bad[RawHeaderSize] = 2
	refused[[]packed](t, bad)
}

// A message of a few bytes must not make the decoder reserve what it announces.
func TestBombs(t *testing.T) {
	bombs := [][]byte{
		{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0xff, 0xff, 0xff, 0xff}, {0xdb, 0xff, 0xff, 0xff, 0xff},
		{0xc6, 0xff, 0xff, 0xff, 0xff}, {0xc9, 0xff, 0xff, 0xff, 0xff, 1}, {0xdc, 0xff, 0xff}, {0xc9, 0xff, 0xff}, {0xc1},
		append([]byte{0xdd, 0, 0x10, 0, 0}, make([]byte, 4096)...), {},
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, src := range bombs {
		refused[[]string](t, src)
		refused[[]int](t, src)
		refused[[][1000]string](t, src)
		refused[map[string]string](t, src)
		refused[map[int][1000]*int](t, src)
		refused[*[1 << 20]int](t, src)
		refused[[]byte](t, src)
		refused[string](t, src)
		refused[any](t, src)
		refused[[]any](t, src)
		refused[map[any]any](t, src)
		refused[tree](t, src)
		refused[deep](t, src)
		refused[custom](t, src)
		refused[[]secret](t, src)
		_, err := Walk(src)
		assert.ErrorIs(t, err, ErrMalformed)
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
}

// bulky is large in memory and a byte on the wire.
type bulky struct{ n [4096]int }

func (b bulky) MarshalBinary() ([]byte, error)    { return []byte{byte(b.n[0])}, nil }
func (b *bulky) UnmarshalBinary(src []byte) error { b.n[0] = int(src[0]); return nil }

func TestBulkyElementsArriveBeforeTheirMemory(t *testing.T) {
	many := make([]bulky, 100)
	many[99].n[0] = 7
	assert.Equal(t, many, roundTrip(t, many))
	src := append([]byte{codeArray16, 0x10, 0}, make([]byte, 4096)...)
	allocs := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			refused[[]bulky](t, src)
		}
	})
	assert.Less(t, allocs.AllocedBytesPerOp(), int64(1<<20), "not 4096 times 32 KiB")
}

func TestDepth(t *testing.T) {
	for _, open := range []string{"\x91", "\x81\x01", "\xdc\x00\x01"} {
		for _, n := range []int{MaxDepth + 1, 5_000_000} {
			src := append([]byte(strings.Repeat(open, n)), codeNil)
			_, err := Walk(src)
			assert.ErrorContains(t, err, "nested deeper")
			refused[any](t, src)
			refused[[]any](t, src)
			refused[deep](t, src)
			refused[loop](t, src)
		}
	}
	list := &node{V: MaxDepth}
	for i := range MaxDepth - 1 {
		list = &node{i, list}
	}
	src, err := marshal(list)
	require.NoError(t, err)
	got, err := unmarshal[*node](src)
	require.NoError(t, err)
	for range MaxDepth - 1 {
		got = got.Next
	}
	assert.Equal(t, &node{V: MaxDepth}, got)

	_, err = marshal(&node{0, list})
	assert.ErrorContains(t, err, "nested deeper than 10000")
	assert.Less(t, len(err.Error()), 500, "the path is cut short")
	items := []*node{list}
	c, err := Of[*node]()
	require.NoError(t, err)
	src, err = AppendItems(c, nil, items)
	require.NoError(t, err, "an item of a batch may be as deep")
	require.NoError(t, DecodeItems(c, src, make([]*node, 1)))
}

func TestCycles(t *testing.T) {
	ring := &node{V: 1}
	ring.Next = &node{2, ring}
	self := []any{1, nil}
	self[1] = self
	table := map[string]any{}
	table["x"] = []any{table}
	var p loop
	p = &p
	slices := deep{nil}
	slices[0] = slices
	for _, v := range []any{self, table, map[any]any{1: self}} {
		_, err := marshal(v)
		assert.ErrorContains(t, err, "cyclic value")
	}
	_, err := marshal(ring)
	assert.ErrorContains(t, err, "node.Next.Next")
	assert.ErrorContains(t, err, "cyclic value: this *codec.node contains itself")
	_, err = marshal(p)
	assert.ErrorContains(t, err, "cyclic value")
	_, err = marshal(slices)
	assert.ErrorContains(t, err, "cyclic value")

	// Not cycles: one pointer twice, far below the root.
	shared := &node{V: 5}
	pair := any([]any{1})
	for range 2 * cycleDepth {
		pair = []any{pair, pair}[:1:1]
	}
	_, err = marshal(pair)
	require.NoError(t, err)
	type two struct {
		A, B *node
		Sub  *two
	}
	v := &two{shared, shared, nil}
	for range 2 * cycleDepth {
		v = &two{shared, shared, v}
	}
	assert.Equal(t, v, roundTrip(t, v))
}

func TestTheOutputIsBounded(t *testing.T) {
	defer func(old uint64) { maxMessage = old }(maxMessage)
	maxMessage = 1000
	big := make([]byte, 1001)
	type bush struct{ L, R *bush }
	dag := &bush{} // 2^100 leaves in a hundred nodes
	for range 100 {
		dag = &bush{dag, dag}
	}
	for _, v := range []any{string(big), big, make([]int64, 126), []any{big[:500], string(big[:500])}, make([]string, 1001)} {
		_, err := marshal(v)
		assert.ErrorContains(t, err, "the encoding is larger than 1000 bytes", "%T", v)
	}
	_, err := marshal(make([]string, 1001))
	assert.Error(t, err)
	_, err = marshal(dag)
	assert.ErrorContains(t, err, "larger than")
	_, err = marshal(flag{big})
	assert.Error(t, err)
	dst := bytes.Repeat([]byte("x"), 2000)
	c, err := Of[string]()
	require.NoError(t, err)
	out, err := c.Append(dst, reflectOf(string(big[:997])))
	require.NoError(t, err, "what is in dst already does not count")
	assert.Len(t, out, 3000)
	out, err = c.Append(dst, reflectOf(string(big[:998])))
	assert.Error(t, err)
	assert.Equal(t, dst, out)
	_, err = AppendItems(c, nil, make([]string, 1001))
	assert.Error(t, err)
}

func TestDuplicateKeys(t *testing.T) {
	err := refused[map[string]int](t, []byte{0x82, 0xa1, 'a', 1, 0xa1, 'a', 2})
	assert.EqualError(t, err, `["a"]: duplicate key at offset 4: malformed message`)
	refused[map[int]int](t, []byte{0x82, 1, 1, 0xcc, 1, 2})
}

func TestExtHeaderOfEveryWidth(t *testing.T) {
	mem := binary.NativeEndian.AppendUint64(nil, 5)
	for _, head := range [][]byte{{0xd7, 1}, {0xc7, 8, 1}, {0xc8, 0, 8, 1}, {0xc9, 0, 0, 0, 8, 1}} {
		got, err := unmarshal[[]uint64](append(head, mem...))
		require.NoError(t, err)
		assert.Equal(t, []uint64{5}, got)
	}
}
