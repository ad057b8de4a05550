package spawn

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc"
)

func TestAnErrorIsNotKept(t *testing.T) {
	var calls int
	get := kept(func() (int, error) {
		if calls++; calls == 1 {
			return 0, syscall.EMFILE
		}
		return calls, nil
	})
	_, err := get()
	require.ErrorIs(t, err, syscall.EMFILE)
	for range 2 {
		got, err := get()
		require.NoError(t, err)
		assert.Equal(t, 2, got)
	}
}

func TestEverySignalThatWasSentIsOurs(t *testing.T) {
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "follow"}})
	next(t, p, ipc.KindHello)
	require.NoError(t, p.Signal(syscall.SIGTERM))
	require.NoError(t, p.Signal(syscall.SIGCONT))
	assert.ErrorIs(t, p.Signal(65), syscall.EINVAL)
	exit := p.Wait()
	assert.Equal(t, syscall.SIGTERM, exit.Signal)
	assert.True(t, p.Signalled(exit.Signal), "though it was not the last")
	for _, sig := range []syscall.Signal{-1, 0, syscall.SIGKILL, 65} {
		assert.False(t, p.Signalled(sig), "%d", sig)
	}
}
