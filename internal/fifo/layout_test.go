//go:build linux

package fifo

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/protocoltest"
	"github.com/multiproc/mp/internal/shm"
)

// A field is a part of something in a queue.
type field struct {
	name         string
	offset, size uint64
}

var (
	controlFields = []field{
		{"tail", offTail, 8}, {"tail segment", offTailSegment, 4}, {"seen head", offSeenHead, 4},
		{"head", offHead, 8}, {"head segment", offHeadSegment, 4}, {"seen tail", offSeenTail, 4},
		{"takers", offTakers, 4}, {"putters", offPutters, 4}, {"state", offState, 4}, {"capacity", offCapacity, 4},
		{"bytes", offBytes, 4}, {"done", offDone, 4}, {"lost", offLost, 4}, {"joiners", offJoiners, 4},
		{"under way", offUnderWay, 8}, {"spare", offSpare, 4}, {"spare blobs", offSpareBlobs, 4 * spareBlobs},
	}
	segmentFields = []field{{"next", segmentNext, 4}, {"records", segmentStart, segmentSize - segmentStart}}
	recordFields  = []field{{"size", recordSize, 4}, {"cells", recordCells, 2}, {"kind", recordKind, 2}}
)

// numbers are the fields by one of their numbers.
func numbers(fields []field, number func(field) uint64) map[string]uint64 {
	m := make(map[string]uint64)
	for _, f := range fields {
		m[f.name] = number(f)
	}
	return m
}

func TestFieldsAreAsDocumented(t *testing.T) {
	offset := func(f field) uint64 { return f.offset }
	size := func(f field) uint64 { return f.size }
	assert.Equal(t, protocoltest.Numbers(t, "queue-control", "word", "offset"), numbers(controlFields, offset))
	assert.Equal(t, protocoltest.Numbers(t, "queue-control", "word", "size"), numbers(controlFields, size))
	assert.Equal(t, protocoltest.Numbers(t, "queue-segment", "field", "offset"), numbers(segmentFields, offset))
	assert.Equal(t, protocoltest.Numbers(t, "queue-segment", "field", "size"), numbers(segmentFields, size))
	assert.Equal(t, protocoltest.Numbers(t, "queue-record", "field", "offset"), numbers(recordFields, offset))
	assert.Equal(t, protocoltest.Numbers(t, "queue-record", "field", "size"), numbers(recordFields, size))
}

func TestFieldsDoNotOverlap(t *testing.T) {
	for name, part := range map[string]struct {
		size   uint64
		fields []field
	}{
		"control": {controlSize, controlFields},
		"segment": {segmentSize, segmentFields},
		"record":  {recordHeader, recordFields},
	} {
		end := uint64(0)
		for _, f := range slices.SortedFunc(slices.Values(part.fields), func(a, b field) int { return int(a.offset) - int(b.offset) }) {
			assert.GreaterOrEqual(t, f.offset, end, "%s: %s", name, f.name)
			align := min(f.size&-f.size, 4)
			if f.size == 8 {
				align = 8
			}
			assert.Zero(t, f.offset%align, "%s: %s is at %d", name, f.name, f.offset)
			end = f.offset + f.size
		}
		assert.LessOrEqual(t, end, part.size, name)
	}
	// One who puts and one who takes do not write to one cache line.
	const line = 64
	assert.NotEqual(t, offTail/line, offHead/line)
	for _, both := range []int{offTakers, offPutters, offState, offUnderWay, offDone} {
		assert.NotContains(t, []int{offTail / line, offHead / line}, both/line)
	}
}

func TestConstantsAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"queue": uint64(KindQueue), "taking": uint64(KindTaking), "segment": uint64(KindSegment),
		"blob": uint64(KindBlob), "sender": uint64(KindSender), "taker": uint64(KindTaker),
	}, protocoltest.Numbers(t, "queue-kinds", "kind", "value"))
	assert.Equal(t, map[string]uint64{
		"shut": stateShut, "dropped": stateDropped, "putters gone": statePutters, "takers gone": stateTakers, "joinable": stateJoinable,
	}, protocoltest.Numbers(t, "queue-state", "bit", "value"))
	assert.Equal(t, map[string]uint64{"inline": kindInline, "large": kindLarge, "end": kindEnd},
		protocoltest.Numbers(t, "queue-record-kinds", "kind", "value"))
	assert.Equal(t, map[string]uint64{
		"control block": controlSize, "segment": segmentSize, "header": recordHeader, "largest inline": inline, "cells": MaxCells,
	}, protocoltest.Numbers(t, "queue-sizes", "what", "value"))
	assert.Equal(t, map[string]uint64{"items": pipeItems, "bytes": pipeBytes}, protocoltest.Numbers(t, "pipe-limits", "limit", "value"))
	assert.Zero(t, recordHeader%8)
	assert.Zero(t, segmentStart%8)
	largest := recordHeader + round8(inline) + round8(4*(MaxCells+1))
	assert.LessOrEqual(t, segmentStart+largest+recordHeader, uint64(segmentSize), "every record fits into a segment, with an end behind it")
	assert.Less(t, int(KindTaker), 64, "what package shm has room for")
}

func TestPositions(t *testing.T) {
	for _, n := range []uint32{0, 1, 1 << 31, 1<<32 - 1} {
		for _, at := range []uint64{0, segmentStart, segmentSize} {
			p := position(n, at)
			assert.Equal(t, n, items(p))
			assert.Equal(t, at, offset(p))
		}
	}
	assert.EqualValues(t, 0x0000000500000018, position(5, 24))
}

// The golden bytes of a segment with one record of each kind.
func TestGoldenBytes(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes are those of a little-endian machine")
	}
	q, h := queue(t, Config{})
	defer h.Close()
	o := object(t, q.arena)
	require.NoError(t, q.Put(t.Context(), Message{Head: []byte("hello")}))
	require.NoError(t, q.Put(t.Context(), Message{Head: []byte{1}, Cells: []uint32{o.Index()}}))
	large := make([]byte, inline+1)
	require.NoError(t, q.Put(t.Context(), Message{Head: large}))
	segment, _ := q.arena.Piece(*q.arena.U32(q.control + offHeadSegment), KindSegment)
	mem := slices.Clone(q.arena.Bytes(segment, 88))
	assert.Equal(t, o.Index(), binary.NativeEndian.Uint32(mem[48:]))
	blob := binary.NativeEndian.Uint32(mem[64:])
	off, size := q.arena.Piece(blob, KindBlob)
	assert.EqualValues(t, len(large), size)
	assert.NotZero(t, off)
	clear(mem[48:52])
	clear(mem[64:68])
	clear(mem[29:32]) // what is between two records is of no account
	clear(mem[41:48])
	clear(mem[52:56])
	clear(mem[68:])
	assert.Equal(t, ""+
		"00000000000000000000000000000000"+ // no next segment
		"0500000000000100"+"68656c6c6f000000"+
		"0100000001000100"+"0100000000000000"+"0000000000000000"+
		"0120000001000200"+"0000000000000000", hex.EncodeToString(mem[:72]))
	assert.Equal(t, position(3, 72), *q.tail)
	assert.Equal(t, position(0, segmentStart), *q.head)
}

// object makes an object for items to refer to, which is given up at the end of the
// test.
func object(t testing.TB, a *shm.Arena) *shm.Object {
	t.Helper()
	o, err := a.New(shm.Spec{Kind: shm.FirstKind})
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.Drop() })
	return o
}
