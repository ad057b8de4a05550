//go:build linux

package mp_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The process that keeps descriptors is nobody's child in the sense of the package:
// it is not listed, and the end of a program does not wait for it. It ends by itself.
func TestAProgramDoesNotWaitForItsDescriptorStore(t *testing.T) {
	cmd := programCommand(bounded(t), t, "descriptors")
	box, w := newMailbox(t)
	cmd.Stdout = w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	var store, active int
	var image bool
	line := box.next(t)
	_, err := fmt.Sscan(line, &store, &active, &image)
	require.NoError(t, err, line)
	t.Cleanup(func() { _ = syscall.Kill(store, syscall.SIGCONT) })
	assert.Zero(t, active)
	assert.True(t, image)
	require.NoError(t, cmd.Wait())
	assert.False(t, gone(store))
	require.NoError(t, syscall.Kill(store, syscall.SIGCONT))
	eventually(t, "the store ends", func() bool { return gone(store) })
}
