package ledger

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/protocoltest"
)

// newLedger returns an empty ledger, and its memory.
func newLedger(t testing.TB) (*Ledger, []byte) {
	t.Helper()
	mem := make([]byte, Size)
	l, err := New(mem)
	require.NoError(t, err)
	return l, mem
}

// words names the words of the head.
func words(l *Ledger) map[string]*uint64 {
	return map[string]*uint64{
		"gate": l.gate, "started": l.started, "done": l.done, "closed": l.closed, "open": l.open, "first": l.first,
		"payload": l.payload, "end": l.end, "item": l.item, "writes": l.writes,
	}
}

func TestWordsAreWhereTheDocumentSays(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"gate": offGate, "started": offStarted, "done": offDone, "closed": offClosed, "open": offOpen,
		"first": offFirst, "payload": offPayload, "end": offEnd, "item": offItem, "writes": offWrites,
	}, protocoltest.Numbers(t, "ledger-words", "word", "offset"))
	l, mem := newLedger(t)
	documented := protocoltest.Numbers(t, "ledger-words", "word", "offset")
	require.Len(t, words(l), len(documented))
	for name, word := range words(l) {
		clear(mem)
		*word = 0x1122334455667788
		assert.EqualValues(t, 0x1122334455667788, binary.NativeEndian.Uint64(mem[documented[name]:]), name)
		*word = 0
		require.Equal(t, Size, bytes.Count(mem, []byte{0}), "%s is 8 bytes and no more", name)
	}
}

// The gate is written by both sides, the rest by the worker: they must not
// share a cache line, nor the marks of every item one with the outbox's words.
func TestWordsKeepTheirCacheLines(t *testing.T) {
	line := func(off int) int { return off / 64 }
	for _, off := range []int{offStarted, offDone, offClosed, offOpen, offFirst, offPayload, offEnd, offItem, offWrites} {
		assert.NotEqual(t, line(offGate), line(off))
		assert.Zero(t, off%8)
		assert.Less(t, off, HeadSize)
	}
	for _, off := range []int{offClosed, offOpen, offFirst, offPayload, offEnd, offItem, offWrites} {
		assert.NotEqual(t, line(offStarted), line(off))
	}
	assert.Equal(t, line(offStarted), line(offDone))
}

func TestSizesAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"head": HeadSize, "outbox": OutboxSize, "mapping": Size, "alignment": alignment,
	}, protocoltest.Numbers(t, "ledger-sizes", "part", "bytes"))
	assert.Zero(t, HeadSize%4096, "the outbox begins on a page")
	assert.Equal(t, Size, HeadSize+OutboxSize)
	_, err := New(make([]byte, Size-8))
	assert.EqualError(t, err, "ledger of 262136 bytes, not 262144")
}

func TestGateIsAsDocumented(t *testing.T) {
	low := protocoltest.Numbers(t, "gate-word", "field", "lowest bit")
	width := protocoltest.Numbers(t, "gate-word", "field", "bits")
	assert.Equal(t, map[string]uint64{"claimed": 0, "epoch": epochShift}, low)
	assert.Equal(t, map[string]uint64{"claimed": epochShift, "epoch": 64 - epochShift}, width)
	assert.EqualValues(t, uint64(1)<<epochShift-1, uint64(claimedMask))

	l, mem := newLedger(t)
	require.True(t, l.Claim(0, 0, 5))
	assert.EqualValues(t, 5, binary.NativeEndian.Uint64(mem))
	claimed, epoch := l.Revoke()
	assert.EqualValues(t, 5, claimed)
	assert.EqualValues(t, 1, epoch)
	assert.EqualValues(t, 0x0001_000000000005, binary.NativeEndian.Uint64(mem))
}

func TestResultHeadIsAsDocumented(t *testing.T) {
	offsets := protocoltest.Numbers(t, "result-head", "field", "offset")
	sizes := protocoltest.Numbers(t, "result-head", "field", "size")
	assert.Equal(t, map[string]uint64{"count": 0, "padding": 4, "elapsed": 8}, offsets)
	assert.Equal(t, map[string]uint64{"count": 4, "padding": 4, "elapsed": 8}, sizes)
	assert.EqualValues(t, ResultHead, offsets["elapsed"]+sizes["elapsed"])
	assert.Equal(t, ipc.HeaderSize+ResultHead, Prefix)

	head := make([]byte, ResultHead)
	PutResultHead(head, 0x01020304, 5, 0x1112131415161718)
	assert.Equal(t, []byte{4, 3, 2, 1, 5, 0, 0, 0, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11}, head)
	count, elapsed, results, err := ParseResult(append(head, 9, 9, 9, 9, 9, 'x', 'y'))
	require.NoError(t, err)
	assert.Equal(t, 0x01020304, count)
	assert.EqualValues(t, 0x1112131415161718, elapsed)
	assert.Equal(t, []byte("xy"), results)
}

func TestParseResultRefuses(t *testing.T) {
	head := func(count, padding uint32) []byte {
		b := make([]byte, ResultHead)
		binary.LittleEndian.PutUint32(b, count)
		binary.LittleEndian.PutUint32(b[4:], padding)
		return b
	}
	for name, body := range map[string][]byte{
		"an empty body":            nil,
		"a torn head":              head(1, 0)[:ResultHead-1],
		"more padding than body":   head(1, 1),
		"the most padding":         append(head(1, 1<<32-1), 0),
		"a count beyond 31 bits":   head(1<<31, 0),
		"the largest of all heads": head(1<<32-1, 1<<32-1),
	} {
		_, _, _, err := ParseResult(body)
		assert.ErrorIs(t, err, ipc.ErrProtocol, name)
	}
}

// The bytes of docs/protocol.md: two int64 results of items 7 and 8.
func TestResultFrameGoldenBytes(t *testing.T) {
	l, mem := newLedger(t)
	o := NewOutbox(l)
	payload, room := o.Open(7, codec.RawHeaderSize, 8)
	assert.Equal(t, 48, payload, "13 of header, 16 of head, 13 of padding, 6 of the block's header")
	assert.Equal(t, OutboxSize-48, room)
	copy(Slots[int64](l, payload, 2), []int64{0x0102, -1})
	codec.PutRawHeader(l.Outbox()[payload-codec.RawHeaderSize:], 16)
	o.Close(7, payload, codec.RawHeaderSize, payload+16, 2, 1000)
	want := []byte{
		51, 0, 0, 0, 18, 7, 0, 0, 0, 0, 0, 0, 0, // header: 51 bytes, result, from item 7
		2, 0, 0, 0, 13, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0, // 2 items, 13 bytes of padding, 1000 ns
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // padding
		0xc9, 0, 0, 0, 16, 1, // raw block of 16 bytes
		2, 1, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the block is in the byte order of the machine")
	}
	assert.Equal(t, want, o.Bytes())
	assert.Equal(t, want, mem[HeadSize:HeadSize+len(want)])
}
