package sys

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A file of memory stands for a pipe that the poller has no room for: it takes
// neither.
func TestWhatCannotBePolledIsRefused(t *testing.T) {
	fd, err := unix.MemfdCreate("mp-test", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	require.NoError(t, unix.SetNonblock(fd, true))
	_, err = newPolled(fd, "mp-test")
	require.ErrorContains(t, err, "mp-test cannot be polled")
}

func TestPipeSize(t *testing.T) {
	r, w, err := Pipe()
	require.NoError(t, err)
	defer r.Close()
	GrowPipe(w, 1<<17)
	assert.Equal(t, 1<<17, PipeSize(w))
	require.NoError(t, w.Close())
	assert.Zero(t, PipeSize(w))
}
