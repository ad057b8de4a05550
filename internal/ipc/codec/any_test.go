package codec

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnyKeepsTheKind(t *testing.T) {
	for _, v := range []any{
		nil, true, 5, -5, math.MinInt, math.MaxInt, int8(5), int16(5), int32(5), int64(5), uint(5), uint8(5), uint16(5),
		uint32(5), uint64(math.MaxUint64), float32(1), 1.0, "s", []byte(nil), []byte{}, []byte{1}, []any(nil), []any{},
		[]any{1, nil, []any{"x"}}, map[string]any(nil), map[string]any{}, map[string]any{"a": []any{1}},
		map[any]any(nil), map[any]any{}, map[any]any{1: 2, "a": nil, nil: int8(1), true: 1.5},
		time.Unix(5, 6).UTC(), time.Second,
		[]bool{true}, []int(nil), []int{}, []int{1}, []int8{1}, []int16{1}, []int32{1}, []int64{1}, []uint{1}, []uint16{1},
		[]uint32{1}, []uint64{1}, []float32{1}, []float64{1}, []string{"a"}, []string(nil),
		[]any{int8(1), []any{int16(1), 2}}, // arrays of two that look like marks to the careless
	} {
		assert.Equal(t, []any{v}, roundTrip(t, []any{v}), "%T", v)
		assert.Equal(t, struct{ A any }{v}, roundTrip(t, struct{ A any }{v}), "%T", v)
		src, err := marshal(v)
		require.NoError(t, err)
		got, err := unmarshal[any](src)
		require.NoError(t, err)
		assert.Equal(t, v, got)
	}
}

func TestAnyRefusesOtherTypes(t *testing.T) {
	type cfg struct{ Opts map[string]any }
	_, err := marshal(cfg{map[string]any{"a": []any{0, level(1)}}})
	var ve *ValueError
	require.ErrorAs(t, err, &ve)
	assert.Equal(t, `cfg.Opts["a"][1]`, ve.Path)
	assert.Contains(t, ve.Reason, "holds codec.level, which cannot travel in an any; it may hold nil, bool")
	for _, v := range []any{job{}, &job{}, map[string]int{}, make(chan int), func() {}, [1]int{}, complex(1, 1), []job{}, []time.Time{}} {
		_, err := marshal[any](v)
		assert.Error(t, err, "%T", v)
	}
}

func TestAnyMalformed(t *testing.T) {
	for name, src := range map[string][]byte{
		"unknown kind":      {0x92, 0xd4, 2, 0xff, 1},
		"lone mark":         {0xd4, 2, 1},
		"mark in a slice":   {0x93, 0xd4, 2, 1, 5, 5},
		"foreign ext":       {0xd4, 9, 1},
		"narrowed":          {0x92, 0xd4, 2, 1, 0xcd, 1, 44},
		"uint64 as int":     {0xcf, 255, 255, 255, 255, 255, 255, 255, 255},
		"raw block":         {0xd4, 1, 1},
		"never used":        {0xc1},
		"unhashable key":    {0x92, 0xd4, 2, 0x23, 0x81, 0x90, 1},
		"unhashable marked": {0x92, 0xd4, 2, 0x23, 0x81, 0x92, 0xd4, 2, 0x31, 0xc0, 1},
		"duplicate key":     {0x82, 0xa1, 'a', 1, 0xa1, 'a', 2},
		"str as key":        {0x81, 1, 1},
	} {
		_, err := unmarshal[any](src)
		assert.ErrorIs(t, err, ErrMalformed, name)
	}
	type k struct{ A [1]any }
	_, err := unmarshal[map[k]int]([]byte{0x81, 0x91, 0x91, 0x90, 1})
	assert.ErrorContains(t, err, "cannot be a key")
}
