package handle

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/protocoltest"
)

func TestNamedSharedMemoryIsAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"SharedMemory": uint64(SharedMemory), "ShareableList": uint64(ShareableList),
	}, protocoltest.Numbers(t, "shm-extensions", "handle", "extension"))
	assert.GreaterOrEqual(t, SharedMemory, codec.FirstSpecialExt)
}
