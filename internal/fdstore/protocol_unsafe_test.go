//go:build linux

package fdstore

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/protocoltest"
	"github.com/multiproc/mp/internal/shm"
)

func TestTheRecordIsAsDocumented(t *testing.T) {
	var r record
	assert.Equal(t, map[string]uint64{
		"owner": uint64(unsafe.Offsetof(r.owner)), "pid": uint64(unsafe.Offsetof(r.pid)),
		"name": uint64(unsafe.Offsetof(r.name)), "secret": uint64(unsafe.Offsetof(r.secret)),
		"network": uint64(unsafe.Offsetof(r.network)),
	}, protocoltest.Numbers(t, "store-record", "field", "offset"))
	assert.Equal(t, map[string]uint64{
		"owner": uint64(unsafe.Sizeof(r.owner)), "pid": uint64(unsafe.Sizeof(r.pid)), "name": nameSize, "secret": secretSize,
		"network": uint64(unsafe.Sizeof(r.network)),
	}, protocoltest.Numbers(t, "store-record", "field", "size"))
	assert.EqualValues(t, 48, recordSize)
	assert.Equal(t, map[string]uint64{"descriptor": uint64(Kind), "record": uint64(kindRecord)}, protocoltest.Numbers(t, "store-kinds", "kind", "value"))

	// What was written is what is read; at no moment before is it somebody's.
	p := place{owner: 5, pid: 6, name: [nameSize]byte{7}, secret: [secretSize]byte{8}, network: 9}
	r.write(p)
	assert.Equal(t, p, r.read())
}

func TestMessagesAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"secret": requestSecret, "op": requestOp, "reference": requestCell,
	}, protocoltest.Numbers(t, "store-request", "field", "offset"))
	assert.Equal(t, map[string]uint64{
		"secret": secretSize, "op": 4, "reference": requestSize - requestCell,
	}, protocoltest.Numbers(t, "store-request", "field", "size"))
	assert.Equal(t, map[string]uint64{"owner": 0, "name": 4, "secret": 4 + nameSize, "network": 4 + nameSize + secretSize}, protocoltest.Numbers(t, "store-hello", "field", "offset"))
	assert.Equal(t, map[string]uint64{"owner": 4, "name": nameSize, "secret": secretSize, "network": 8}, protocoltest.Numbers(t, "store-hello", "field", "size"))
	assert.Equal(t, map[string]uint64{"put": opPut, "get": opGet}, protocoltest.Numbers(t, "store-ops", "op", "value"))
	assert.Equal(t, map[string]uint64{
		"done": statusDone, "gone": statusGone, "full": statusFull, "refused": statusRefused,
	}, protocoltest.Numbers(t, "store-answers", "status", "value"))
	assert.Equal(t, map[string]uint64{
		"patience": uint64(patience.Milliseconds()), "attempts": attempts, "sweep": uint64(sweepEvery.Milliseconds()),
		"linger": uint64(linger.Milliseconds()), "grace": uint64(grace.Milliseconds()), "peers": mostPeers, "others": mostPeers / 4, "backlog": backlog,
	}, protocoltest.Numbers(t, "store-limits", "limit", "value"))

	golden := []byte{
		0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
		0, 0, 0, 1,
		0, 0, 0, 5, 0, 0, 0, 42, 0, 0, 0, 42, 0, 0, 0, 0,
	}
	r := request{op: opPut, ref: shm.Ref{Cell: 5, Generation: 42, Kind: Kind}}
	copy(r.secret[:], golden)
	assert.Equal(t, golden, r.append(nil))
	got, err := parseRequest(golden)
	require.NoError(t, err)
	assert.Equal(t, r, got)
	for cut := range golden {
		_, err := parseRequest(golden[:cut])
		assert.ErrorIs(t, err, errRequest)
	}
	_, err = parseRequest(append(golden, 0))
	assert.ErrorIs(t, err, errRequest)
	assert.Equal(t, []byte{0, 0, 0, 1}, appendAnswer(nil, statusDone))
}

func TestHelloAndAddress(t *testing.T) {
	p := place{owner: 1<<24 | 2, pid: 9, network: 0xf0000001 << 8}
	copy(p.name[:], "0123456789abcdef")
	copy(p.secret[:], bytes.Repeat([]byte{0xfe}, secretSize))
	got, ok := parseHello(p.hello(), 9)
	assert.True(t, ok)
	assert.Equal(t, p, got)
	_, ok = parseHello(p.hello()[1:], 9)
	assert.False(t, ok)
	assert.Equal(t, "\x00mp-30313233343536373839616263646566", p.address().Path)
	assert.True(t, p.address().Packets)
}

func TestShares(t *testing.T) {
	for limit, want := range map[int][2]int{
		0: {4, 1}, 32: {4, 1}, 64: {8, 16}, 256: {32, 136}, 1024: {128, 616}, 1 << 20: {128, 1<<20 - 408},
	} {
		peers, room := shares(limit)
		assert.Equal(t, want, [2]int{peers, room}, "%d", limit)
	}
}
