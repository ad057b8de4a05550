//go:build linux

package mp_test

import (
	"context"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// A parting is what is sent to somebody who never receives it.
type parting struct {
	File  *os.File
	Lock  *mp.Lock
	Conn  *mp.Conn
	Bytes []byte
}

// greetThenIdle sends one message, and receives none.
var greetThenIdle = mp.Action(func(ctx context.Context, c *mp.Conn) error {
	if err := c.Send(ctx, "here"); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
})

// What was sent to a receiver that dies, or closes its end, before it has received it
// is let go at once, and not only when the sender closes its own.
func TestWhatNobodyReceivesIsLetGo(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, p *mp.Process, theirs *mp.Conn){
		"killed": func(t *testing.T, p *mp.Process, theirs *mp.Conn) {
			require.NoError(t, theirs.Close())
			require.NoError(t, p.Kill())
			require.Equal(t, syscall.SIGKILL, failed(t, join(t, p)).Signal)
		},
		"the last of two closes": func(t *testing.T, p *mp.Process, theirs *mp.Conn) {
			require.NoError(t, p.Kill())
			require.Equal(t, syscall.SIGKILL, failed(t, join(t, p)).Signal)
			require.NoError(t, theirs.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			mine, theirs := pipePair(t)
			p := launch(t, greetThenIdle.With(theirs))
			ready, err := mine.Poll(bounded(t))
			require.NoError(t, err)
			require.True(t, ready)
			bytes, cells := usage(t)

			r, w := pipeEnds(t)
			near, far := pipePair(t)
			for i := range 50 {
				lock := mp.Must(mp.NewLock())
				require.NoError(t, mine.Send(bounded(t), parting{w, lock, far, make([]byte, i*1000)}))
				require.NoError(t, lock.Close())
			}
			require.NoError(t, w.Close())
			require.NoError(t, far.Close())
			end(t, p, theirs)

			assert.Empty(t, allFrom(t, r), "nobody has the other end of the file")
			_, err = near.RecvBytes(bounded(t), 0)
			assert.Equal(t, io.EOF, err, "nor that of the connection")
			require.NoError(t, near.Close())
			givenBack(t, bytes, cells)
			for range 2 {
				assert.ErrorIs(t, mine.Send(bounded(t), parting{Bytes: make([]byte, 100000)}), syscall.EPIPE)
				assert.ErrorIs(t, mine.Send(bounded(t), parting{File: r}), syscall.EPIPE)
			}
			greeting, err := mp.Recv[string](bounded(t), mine)
			require.NoError(t, err)
			assert.Equal(t, "here", greeting, "what came the other way is there")
			_, err = mine.RecvBytes(bounded(t), 0)
			assert.Equal(t, io.EOF, err)
		})
	}
}

// closeWhenTold closes its end, in which there is much, and dies at about that time.
var closeWhenTold = mp.Action(func(ctx context.Context, s dying) error {
	if err := s.Filled.Wait(ctx); err != nil {
		return err
	}
	go func() {
		time.Sleep(s.After)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}()
	_ = s.Recv.Close()
	select {}
})

type dying struct {
	Recv   *mp.Conn
	Filled *mp.Event
	After  time.Duration
}

// A receiver that is killed while it lets go what it has not received leaves the rest
// to others.
func TestReceiverKilledWhileItCloses(t *testing.T) {
	rng := random(t)
	recv, send := simplex(t) // makes what stays
	require.NoError(t, send.Send(t.Context(), parting{Bytes: make([]byte, 10000)}))
	require.NoError(t, recv.Close())
	require.NoError(t, send.Close())
	filled := made[*mp.Event](t)(mp.NewEvent())
	for range max(kills(t)/5, 5) {
		recv, send := simplex(t)
		p := launch(t, closeWhenTold.With(dying{recv, filled, time.Duration(rng.IntN(1500)) * time.Microsecond}))
		require.NoError(t, recv.Close())
		bytes, cells := usage(t)
		for i := range 200 {
			lock := mp.Must(mp.NewLock())
			require.NoError(t, send.Send(bounded(t), parting{Lock: lock, Bytes: make([]byte, i*100)}))
			require.NoError(t, lock.Close())
		}
		filled.Set()
		require.Equal(t, syscall.SIGKILL, failed(t, join(t, p)).Signal)
		filled.Clear()
		givenBack(t, bytes, cells)
		assert.ErrorIs(t, send.Send(bounded(t), parting{}), syscall.EPIPE)
		require.NoError(t, send.Close())
	}
}

// A connection can be sent through itself, and goes with what is in it; its other end
// cannot.
func TestAConnThroughItself(t *testing.T) {
	warm, _ := pipePair(t)
	require.NoError(t, warm.Close())
	bytes, cells := usage(t)
	for range 10 {
		a, b := pipePair(t)
		assert.ErrorContains(t, a.Send(bounded(t), b), "the pipe itself")
		assert.ErrorContains(t, b.Send(bounded(t), a), "the pipe itself")
		require.NoError(t, a.Send(bounded(t), a))
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
		recv, send := simplex(t)
		assert.ErrorContains(t, send.Send(bounded(t), recv), "the pipe itself")
		require.NoError(t, send.Send(bounded(t), send))
		require.NoError(t, send.Close())
		again, err := mp.Recv[*mp.Conn](bounded(t), recv)
		require.NoError(t, err)
		require.NoError(t, again.Send(bounded(t), 1))
		require.NoError(t, again.Close())
		require.NoError(t, recv.Close())
	}
	givenBack(t, bytes, cells)
}

// What has more handles than one message can have says how many, and what to do.
func TestMessagesWithManyHandles(t *testing.T) {
	a, b := pipePair(t)
	locks := make([]*mp.Lock, 41)
	for i := range locks {
		locks[i] = made[*mp.Lock](t)(mp.NewLock())
	}
	assert.EqualError(t, a.Send(bounded(t), locks),
		"mp: Conn.Send: refers to 41 shared objects, more than the 40 of one message: send them in several messages")
	same := append(locks[:40:40], locks[:40]...) // the same one counts once
	require.NoError(t, a.Send(bounded(t), same))
	got, err := mp.Recv[[]*mp.Lock](bounded(t), b)
	require.NoError(t, err)
	require.Len(t, got, len(same))
	for _, l := range got {
		assert.True(t, l.TryLock())
		l.Unlock()
		require.NoError(t, l.Close())
	}
}
