//go:build linux

package mp_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// whileSiblingsStart starts processes, one after the other, that live until the end of
// the test, while fn runs.
func whileSiblingsStart(t *testing.T, fn func()) {
	t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if n == 50 { // enough; the end of fn ends them
				<-stop
				return
			}
			launch(t, sleep.With(time.Hour), daemon)
		}
	})
	defer wg.Wait()
	defer close(stop)
	fn()
}

// A process that is started while a connection exists has no part in it: the end of the
// connection shows when those who were given it have closed it.
func TestSiblingsKeepNoConnectionOpen(t *testing.T) {
	ends := func(t *testing.T, pair func() (a, b *mp.Conn)) {
		whileSiblingsStart(t, func() {
			for range 100 {
				a, b := pair()
				require.NoError(t, a.Send(bounded(t), 1))
				require.NoError(t, a.Close())
				_, err := mp.Recv[int](bounded(t), b)
				require.NoError(t, err)
				_, err = mp.Recv[int](bounded(t), b)
				require.ErrorIs(t, err, io.EOF)
				require.NoError(t, b.Close())
			}
		})
	}
	t.Run("pipe", func(t *testing.T) {
		ends(t, func() (a, b *mp.Conn) {
			a, b, err := mp.Pipe()
			require.NoError(t, err)
			return a, b
		})
	})
	t.Run("socket", func(t *testing.T) {
		l := listenAt(t, "unix", mp.ListenConfig{})
		ends(t, func() (a, b *mp.Conn) { return dialTo(t, l, mp.Dialer{}), accepted(t, l) })
	})
}

// checked returns a message of size bytes, 8 at least, that has its number in it and
// says whether it is whole.
func checked(number uint32, size int) []byte {
	msg := make([]byte, size)
	for i := range msg {
		msg[i] = byte(number) + byte(i)
	}
	binary.BigEndian.PutUint32(msg[4:], number)
	binary.BigEndian.PutUint32(msg, crc32.ChecksumIEEE(msg[4:]))
	return msg
}

// numberOf is the other way round.
func numberOf(msg []byte) (number uint32, whole bool) {
	return binary.BigEndian.Uint32(msg[4:]), binary.BigEndian.Uint32(msg) == crc32.ChecksumIEEE(msg[4:])
}

// sizeOf is the size of a message: small ones, and some that have memory of their own.
func sizeOf(number uint32) int {
	if number%16 == 15 {
		return 50_000
	}
	return 8 + int(number%512)
}

var (
	sendForEver = mp.Action(func(ctx context.Context, c *mp.Conn) error {
		for n := uint32(0); ; n++ {
			if err := c.SendBytes(ctx, checked(n, sizeOf(n))); err != nil {
				return err
			}
		}
	})
	recvForEver = mp.Action(func(ctx context.Context, c *mp.Conn) error {
		for n := uint32(0); ; n++ {
			msg, err := c.RecvBytes(ctx, 0)
			if err != nil {
				return err
			}
			if got, whole := numberOf(msg); got != n || !whole {
				return errors.New("a message is missing or torn")
			}
		}
	})
)

// Whoever is at the other end of a pipe is killed at a random moment: what it had sent
// whole arrives, in order, and then the end; and who sends to it is told.
func TestPipeWhoseOtherEndIsKilled(t *testing.T) {
	rng := random(t)
	before := heap(t)
	for i := range kills(t) / 4 {
		moment := time.Duration(rng.IntN(3000)) * time.Microsecond
		recv, send, err := mp.Simplex()
		require.NoError(t, err)
		mine, call := recv, sendForEver.With(send)
		if i%2 == 1 {
			mine, call = send, recvForEver.With(recv)
		}
		p := launch(t, call, daemon)
		if i%2 == 1 {
			require.NoError(t, recv.Close())
		} else {
			require.NoError(t, send.Close())
		}
		time.AfterFunc(moment, func() { _ = p.Kill() })
		for n := uint32(0); ; n++ {
			if i%2 == 1 {
				if err := mine.SendBytes(bounded(t), checked(n, sizeOf(n))); err != nil {
					require.ErrorIs(t, err, syscall.EPIPE)
					break
				}
				continue
			}
			msg, err := mine.RecvBytes(bounded(t), 0)
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			got, whole := numberOf(msg)
			require.True(t, whole)
			require.Equal(t, n, got)
		}
		require.NoError(t, mine.Close())
		assert.Equal(t, syscall.SIGKILL, failed(t, join(t, p)).Signal)
	}
	settled(t, before)
}
