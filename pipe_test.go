//go:build linux

package mp_test

import (
	"context"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

var echoPlusOne = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	for {
		n, err := mp.Recv[int](ctx, c)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.Send(ctx, n+1); err != nil {
			return err
		}
	}
})

var drainConn = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	buf := make([]byte, 1<<20)
	for {
		if _, err := c.RecvBytesInto(ctx, buf); err != nil {
			return nil
		}
	}
})

func TestPipeEchoes(t *testing.T) {
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	p := mp.NewProcess(echoPlusOne.With(b))
	require.NoError(t, p.Start())
	require.NoError(t, b.Close())
	for i := range 1000 {
		require.NoError(t, a.Send(t.Context(), i))
		n, err := mp.Recv[int](t.Context(), a)
		require.NoError(t, err)
		require.Equal(t, i+1, n)
	}
	require.NoError(t, p.Kill())
	_, err = mp.Recv[int](t.Context(), a)
	assert.ErrorIs(t, err, io.EOF)
	// What the other end has had is given back piece by piece.
	for err = nil; err == nil; {
		err = a.Send(t.Context(), 1)
	}
	assert.ErrorIs(t, err, syscall.EPIPE)
	_ = p.Join(t.Context())
	require.NoError(t, a.Close())
}

func BenchmarkPipePingPong(b *testing.B) {
	here, there, err := mp.Pipe()
	require.NoError(b, err)
	p := mp.NewProcess(echoPlusOne.With(there))
	require.NoError(b, p.Start())
	there.Close()
	for b.Loop() {
		_ = here.Send(b.Context(), 1)
		_, _ = mp.Recv[int](b.Context(), here)
	}
	here.Close()
	_ = p.Join(b.Context())
}

func BenchmarkPipe1MiB(b *testing.B) {
	recv, send, err := mp.Simplex()
	require.NoError(b, err)
	p := mp.NewProcess(drainConn.With(recv))
	require.NoError(b, p.Start())
	recv.Close()
	msg := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	for b.Loop() {
		if err := send.SendBytes(b.Context(), msg); err != nil {
			b.Fatal(err)
		}
	}
	send.Close()
	_ = p.Join(b.Context())
}
