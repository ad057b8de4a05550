package ipc

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/protocoltest"
)

func TestFrameGoldenBytes(t *testing.T) {
	golden := []byte{
		3, 0, 0, 0, // length
		2,                                              // kind: call
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, // number
		'a', 'b', 'c',
	}
	frame, err := AppendFrame([]byte{0xff}, KindCall, 0x1122334455667788, []byte("abc"))
	require.NoError(t, err)
	assert.Equal(t, append([]byte{0xff}, golden...), frame)
	assert.Equal(t, Header{Length: 3, Kind: KindCall, Number: 0x1122334455667788}, ParseHeader(golden))

	built := append(BeginFrame(nil, KindCall, 0x1122334455667788), "abc"...)
	require.NoError(t, EndFrame(built, 0))
	assert.Equal(t, golden, built)
}

func TestHeaderIsAsDocumented(t *testing.T) {
	offsets := protocoltest.Numbers(t, "frame-header", "field", "offset")
	sizes := protocoltest.Numbers(t, "frame-header", "field", "size")
	all := make([]byte, HeaderSize)
	for field, h := range map[string]Header{
		"length": {Length: 1<<32 - 1},
		"kind":   {Kind: 255},
		"number": {Number: 1<<64 - 1},
	} {
		got := make([]byte, HeaderSize)
		PutHeader(got, h)
		want := make([]byte, HeaderSize)
		for i := offsets[field]; i < offsets[field]+sizes[field]; i++ {
			want[i], all[i] = 0xff, 0xff
		}
		assert.Equal(t, want, got, field)
	}
	assert.Len(t, offsets, 3)
	assert.NotContains(t, all, byte(0), "every byte of the header belongs to a field")
}

func TestKindsAreAsDocumented(t *testing.T) {
	kinds := map[string]uint64{
		"setup": uint64(KindSetup), "call": uint64(KindCall), "resume": uint64(KindResume),
		"cancel": uint64(KindCancel), "stop": uint64(KindStop),
		"track": uint64(KindTrack), "forget": uint64(KindForget),
		"hello": uint64(KindHello), "refuse": uint64(KindRefuse), "result": uint64(KindResult),
		"error": uint64(KindError), "report": uint64(KindReport),
	}
	assert.Equal(t, kinds, protocoltest.Numbers(t, "frame-kinds", "kind", "value"))
	for _, row := range protocoltest.Table(t, "frame-kinds") {
		value, err := strconv.Atoi(row["value"])
		require.NoError(t, err)
		down := Kind(value) < KindHello
		assert.Equal(t, down, row["channel"] != "reports", "frames below hello travel to the child, the others on reports: %s", row["kind"])
	}
}

func TestLimitsAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"header":         HeaderSize,
		"longest body":   MaxBody,
		"read buffer":    readBuffer,
		"owned body":     ownedBody,
		"reserved ahead": growBody,
		"polling":        uint64(pollFor.Microseconds()),
	}, protocoltest.Numbers(t, "frame-limits", "limit", "value"))
}

func TestTooLargeErrorNamesBothSizes(t *testing.T) {
	assert.EqualError(t, &TooLargeError{Size: 5, Limit: 4}, "message of 5 bytes is larger than the limit of 4")
}
