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

func TestCONN07_OneDirection(t *testing.T) {
	recv, send := simplex(t)
	assert.Equal(t, "mp.Conn(the receiving end of a pipe)", recv.String())
	assert.Equal(t, "mp.Conn(the sending end of a pipe)", send.String())
	a, _ := pipePair(t)
	assert.Equal(t, "mp.Conn(one end of a pipe)", a.String())
	lock := made[*mp.Lock](t)(mp.NewLock())
	for range 2 { // it does no harm
		for _, err := range []error{recv.Send(bounded(t), 1), recv.Send(bounded(t), lock), recv.SendBytes(bounded(t), nil)} {
			require.ErrorContains(t, err, "this end only receives")
		}
		_, errBytes := send.RecvBytes(bounded(t), 0)
		_, errInto := send.RecvBytesInto(bounded(t), nil)
		ready, errPoll := send.Poll(endedContext())
		assert.False(t, ready)
		_, errWait := mp.Wait(endedContext(), send)
		for _, err := range []error{send.Recv(bounded(t), new(int)), errBytes, errInto, errPoll, errWait} {
			require.ErrorContains(t, err, "this end only sends")
			require.NotErrorIs(t, err, io.EOF)
		}
		require.NoError(t, send.Send(bounded(t), 5))
		n, err := mp.Recv[int](bounded(t), recv)
		require.NoError(t, err)
		assert.Equal(t, 5, n)
	}
}

// A share is the end of a pipe that several processes send to.
type share struct {
	Conn   *mp.Conn
	Lock   *mp.Lock // nil: a message is a whole without one
	Number int
}

const shareSize = 200

var sendShare = mp.Action(func(ctx context.Context, s share) error {
	for i := range shareSize {
		if s.Lock != nil {
			s.Lock.Lock()
		}
		err := s.Conn.Send(ctx, [2]int{s.Number, i})
		if s.Lock != nil {
			s.Lock.Unlock()
		}
		if err != nil {
			return err
		}
	}
	return nil
})

func TestCONN25_SeveralProcessesShareAnEnd(t *testing.T) {
	const processes = 5
	lock := made[*mp.Lock](t)(mp.NewLock())
	for name, l := range map[string]*mp.Lock{"with a lock": lock, "without": nil} {
		t.Run(name, func(t *testing.T) {
			recv, send := simplex(t)
			for n := range processes {
				launch(t, sendShare.With(share{send, l, n}))
			}
			require.NoError(t, send.Close())
			next := make([]int, processes) // of each
			for range processes * shareSize {
				m, err := mp.Recv[[2]int](bounded(t), recv)
				require.NoError(t, err)
				require.Equal(t, next[m[0]], m[1], "those of one come in its order")
				next[m[0]]++
			}
			_, err := mp.Recv[[2]int](bounded(t), recv)
			assert.Equal(t, io.EOF, err)
		})
	}
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
