//go:build linux

package travel

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/protocoltest"
	"github.com/multiproc/mp/internal/shm"
)

func TestReferenceIsAsDocumented(t *testing.T) {
	r := shm.Ref{Cell: 0x01020304, Generation: 0x05060708, Kind: 0x090a0b0c, Hash: 0x0d0e0f10}
	payload := Append(nil, r)
	assert.Equal(t, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, payload)
	got, err := Parse(payload)
	require.NoError(t, err)
	assert.Equal(t, r, got)
	for cut := range payload {
		_, err := Parse(payload[:cut])
		assert.Error(t, err)
	}
	assert.Equal(t, map[string]uint64{"cell": 0, "generation": 4, "kind": 8, "hash": 12}, protocoltest.Numbers(t, "reference", "field", "offset"))
	assert.Equal(t, map[string]uint64{"type": ExtObject, "length": Size}, protocoltest.Numbers(t, "reference-ext", "what", "value"))
	assert.Equal(t, map[string]uint64{
		"SharedMemory": ExtSharedMemory, "ShareableList": ExtShareableList,
	}, protocoltest.Numbers(t, "shm-extensions", "handle", "extension"))
	assert.GreaterOrEqual(t, ExtObject, int(codec.FirstSpecialExt))
}
