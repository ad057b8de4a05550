//go:build linux

package stream

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/transport"
)

func TestLend(t *testing.T) {
	a, b := streams(t)
	lent := 0
	lend := func(syscall.RawConn) error { lent++; return nil }
	require.NoError(t, a.Lend(lend))
	assert.Equal(t, 1, lent)
	refused := errors.New("refused")
	assert.ErrorIs(t, a.Lend(func(syscall.RawConn) error { return refused }), refused)

	for _, turn := range []chan struct{}{a.reader, a.writer} {
		turn <- struct{}{}
		assert.ErrorIs(t, a.Lend(lend), errBusy)
		<-turn
		require.NoError(t, a.Lend(lend), "what it has taken it has given back")
	}
	require.NoError(t, a.Send(background, []byte("all of it")))
	_, err := recv(background, b)
	require.NoError(t, err)
	require.NoError(t, b.Lend(lend))

	_, err = a.carrier.Write([]byte{0, 0})
	require.NoError(t, err)
	ready, err := b.Poll(background)
	require.NoError(t, err)
	require.True(t, ready)
	require.NoError(t, b.Lend(lend), "nothing has been taken")
	require.NoError(t, a.Close())
	_, err = recv(background, b)
	require.Error(t, err)
	assert.ErrorIs(t, b.Lend(lend), errHalfRead)
	assert.ErrorIs(t, a.Lend(lend), transport.ErrClosed)

	c, _ := overFiles(t)
	assert.ErrorIs(t, c.Lend(lend), errNoSocket)
	assert.Equal(t, 5, lent)
}

// Of a socket on which a message is torn nobody else gets anything.
func TestATornStreamIsNotHandedOver(t *testing.T) {
	a, b := streams(t)
	ctx, cancel := context.WithCancel(background)
	go func() {
		defer cancel() // a part is there, and there is no room for the rest
		_, err := b.Poll(background)
		assert.NoError(t, err)
	}()
	require.ErrorIs(t, a.Send(ctx, make([]byte, 16<<20)), transport.ErrUnderway)
	require.NoError(t, b.Close())
	_, err := a.File(background) // which waits for the rest
	assert.ErrorIs(t, err, syscall.EPIPE)
	err = a.Lend(func(syscall.RawConn) error { return nil })
	assert.ErrorIs(t, err, syscall.EPIPE)
}
