package ledger

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A worker can write anything into its ledger. What does not add up is ErrTorn.
func TestHostileHeads(t *testing.T) {
	for name, words := range map[string]map[int]uint64{
		"closed beyond the outbox":   {offClosed: OutboxSize + 1},
		"closed of all ones":         {offClosed: math.MaxUint64},
		"an item before the first":   {offOpen: 1, offFirst: 2, offDone: 1},
		"more items than could fit":  {offOpen: 1, offDone: OutboxSize + 1},
		"as many as there can be":    {offOpen: 1, offDone: math.MaxUint64, offItem: 1},
		"payload beyond the outbox":  {offOpen: 1, offPayload: OutboxSize + 1, offEnd: OutboxSize + 2},
		"payload of all ones":        {offOpen: 1, offPayload: math.MaxUint64, offEnd: math.MaxUint64},
		"end before payload":         {offOpen: 1, offPayload: 50, offEnd: 49},
		"end beyond the outbox":      {offOpen: 1, offPayload: 50, offEnd: OutboxSize + 1},
		"items of more than all":     {offOpen: 1, offItem: OutboxSize + 1},
		"items of all ones":          {offOpen: 1, offItem: math.MaxUint64, offDone: 2},
		"items that do not fit":      {offOpen: 1, offItem: OutboxSize, offDone: 2},
		"a product that overflows":   {offOpen: 1, offItem: OutboxSize, offDone: OutboxSize, offPayload: OutboxSize},
		"an end that is one too far": {offOpen: 1, offItem: 8, offDone: 1, offPayload: OutboxSize - 7},
	} {
		l, mem := newLedger(t)
		for off, value := range words {
			binary.NativeEndian.PutUint64(mem[off:], value)
		}
		_, err := l.Unwritten(math.MaxUint64)
		assert.ErrorIs(t, err, ErrTorn, name)
	}
}

// FuzzHead puts anything into the words of the head.
func FuzzHead(f *testing.F) {
	f.Add(uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0))
	f.Add(uint64(9), uint64(4), uint64(3), uint64(100), uint64(101), uint64(1), uint64(140), uint64(160), uint64(8))
	f.Add(uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(math.MaxUint64), uint64(OutboxSize), uint64(math.MaxUint64),
		uint64(math.MaxUint64), uint64(OutboxSize), uint64(math.MaxUint64), uint64(OutboxSize))
	mem := make([]byte, Size)
	l, err := New(mem)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, gate, started, done, closed, open, first, payload, end, item uint64) {
		for off, value := range map[int]uint64{
			offGate: gate, offStarted: started, offDone: done, offClosed: closed, offOpen: open,
			offFirst: first, offPayload: payload, offEnd: end, offItem: item,
		} {
			binary.NativeEndian.PutUint64(mem[off:], value)
		}
		u, err := l.Unwritten(math.MaxUint64)
		if err != nil {
			require.ErrorIs(t, err, ErrTorn)
			require.Nil(t, u.Open)
		} else if u.Open != nil {
			require.LessOrEqual(t, len(u.Open.Payload), OutboxSize)
			require.GreaterOrEqual(t, u.Open.Count, 0)
			require.Equal(t, u.Open.First+uint64(u.Open.Count), done)
			if u.Open.Item > 0 {
				require.Len(t, u.Open.Payload, u.Open.Count*u.Open.Item)
			}
		}
		require.LessOrEqual(t, len(u.Frames), OutboxSize)
		require.Equal(t, started, l.Started())
		claimed, epoch := l.Revoke()
		require.Equal(t, gate&claimedMask, claimed)
		require.Equal(t, uint16(gate>>epochShift)+1, epoch)
		require.Equal(t, epoch, l.Epoch())
	})
}

// FuzzParseResult gives any bytes to the parser of results.
func FuzzParseResult(f *testing.F) {
	head := make([]byte, ResultHead)
	PutResultHead(head, 1, 2, 3)
	f.Add(head)
	f.Add(append(head, 0, 0, 'x'))
	f.Add([]byte{255, 255, 255, 127, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		count, _, results, err := ParseResult(body)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, count, 0)
		require.LessOrEqual(t, len(results), len(body)-ResultHead)
	})
}
