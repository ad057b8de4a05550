package worker

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/protocoltest"
)

func TestCallGoldenBytes(t *testing.T) {
	c := Call{Func: 0x01020304, Items: 5, Limit: 0x1112131415161718, Remaining: time.Microsecond}
	golden := []byte{
		4, 3, 2, 1, // function
		5, 0, 0, 0, // items
		0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, // limit
		0xe8, 3, 0, 0, 0, 0, 0, 0, // remaining
		0, 0, // padding
	}
	assert.Equal(t, append([]byte{0xff}, golden...), c.AppendHead([]byte{0xff}))
	got, args, err := ParseCall(append(golden, "args"...))
	require.NoError(t, err)
	assert.Equal(t, c, got)
	assert.Equal(t, []byte("args"), args)
	assert.Len(t, golden, CallHead)
}

func TestCallIsAsDocumented(t *testing.T) {
	offsets := protocoltest.Numbers(t, "call-head", "field", "offset")
	sizes := protocoltest.Numbers(t, "call-head", "field", "size")
	total := uint64(0)
	for field, c := range map[string]Call{
		"function":  {Func: math.MaxUint32},
		"items":     {Items: math.MaxUint32},
		"limit":     {Limit: -1},
		"remaining": {Remaining: -1},
	} {
		want := make([]byte, CallHead)
		for i := offsets[field]; i < offsets[field]+sizes[field]; i++ {
			want[i] = 0xff
		}
		assert.Equal(t, want, c.AppendHead(nil), field)
		total += sizes[field]
	}
	assert.Len(t, offsets, 5)
	assert.Equal(t, total, offsets["padding"])
	assert.EqualValues(t, CallHead, total+sizes["padding"])
	assert.Zero(t, (CallHead+codec.RawHeaderSize)%16, "a block of arguments is aligned within the body")
}

func TestParseCallRefuses(t *testing.T) {
	whole := Call{Func: 1, Items: 1}.AppendHead(nil)
	for name, body := range map[string][]byte{
		"an empty body":       nil,
		"a torn head":         whole[:CallHead-1],
		"no items":            Call{Func: 1}.AppendHead(nil),
		"a negative limit":    Call{Items: 1, Limit: -1}.AppendHead(nil),
		"a negative deadline": Call{Items: 1, Remaining: -1}.AppendHead(nil),
	} {
		_, _, err := ParseCall(body)
		assert.ErrorIs(t, err, ipc.ErrProtocol, name)
	}
}

func TestResumeGoldenBytes(t *testing.T) {
	golden := []byte{2, 0, 0, 0, 3, 9, 0, 0, 0, 0, 0, 0, 0, 0x34, 0x12}
	assert.Equal(t, append([]byte{0xff}, golden...), AppendResume([]byte{0xff}, 9, 0x1234))
	epoch, err := ParseResume(golden[ipc.HeaderSize:])
	require.NoError(t, err)
	assert.EqualValues(t, 0x1234, epoch)
	assert.Equal(t, map[string]uint64{"epoch": ResumeSize}, protocoltest.Numbers(t, "resume-body", "field", "size"))
	for _, body := range [][]byte{nil, {1}, {1, 2, 3}} {
		_, err := ParseResume(body)
		assert.ErrorIs(t, err, ipc.ErrProtocol)
	}
}

func TestLimitsAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"waits at most": uint64(flushAfter.Microseconds()),
		"gathered":      flushSize,
		"claimed":       uint64(claimFor.Microseconds()),
		"claimed items": maxClaim,
		"fixed result":  MaxFixed,
	}, protocoltest.Numbers(t, "worker-limits", "limit", "value"))
}

// The example in docs/protocol.md: one int64, 7, to function 3, as item 9.
func TestCallFrame(t *testing.T) {
	c, err := codec.Of[int64]()
	require.NoError(t, err)
	frame := Call{Func: 3, Items: 1}.AppendHead(ipc.BeginFrame(nil, ipc.KindCall, 9))
	frame, err = codec.AppendItems(c, frame, []int64{7})
	require.NoError(t, err)
	require.NoError(t, ipc.EndFrame(frame, 0))
	assert.Equal(t, []byte{
		40, 0, 0, 0, 2, 9, 0, 0, 0, 0, 0, 0, 0,
		3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xc9, 0, 0, 0, 8, 1, 7, 0, 0, 0, 0, 0, 0, 0,
	}, frame)
	assert.Contains(t, protocoltest.Document(t), "28 00 00 00 02 09 00 00 00 00 00 00 00")
}
