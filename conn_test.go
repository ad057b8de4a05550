//go:build linux

package mp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

func TestCONN01_ValuesAndBytes(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		ctx := bounded(t)
		list := []any{1, 2.25, nil}
		require.NoError(t, a.Send(ctx, list))
		got, err := mp.Recv[[]any](ctx, b)
		require.NoError(t, err)
		assert.Equal(t, list, got)
		require.NoError(t, b.SendBytes(ctx, []byte("raw\x00bytes")))
		raw, err := a.RecvBytes(ctx, 0)
		require.NoError(t, err)
		assert.Equal(t, "raw\x00bytes", string(raw))
	})
}

func TestCONN02_IntoABuffer(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		for _, offset := range []int{0, 12} {
			buf := bytes.Repeat([]byte{'.'}, 40)
			require.NoError(t, a.SendBytes(bounded(t), []byte("0123456789abcdef")))
			n, err := b.RecvBytesInto(bounded(t), buf[offset:])
			require.NoError(t, err)
			assert.Equal(t, 16, n)
			want := bytes.Repeat([]byte{'.'}, 40)
			copy(want[offset:], "0123456789abcdef")
			assert.Equal(t, string(want), string(buf))
		}
	})
}

func TestCONN03_TheBufferIsTooShort(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		long := bytes.Repeat([]byte("x"), 110)
		require.NoError(t, a.SendBytes(bounded(t), long))
		require.NoError(t, a.SendBytes(bounded(t), []byte("next")))
		buf := make([]byte, 40)
		_, err := b.RecvBytesInto(bounded(t), buf)
		var short *mp.BufferTooShortError
		require.ErrorAs(t, err, &short)
		assert.Equal(t, long, short.Message)
		assert.Equal(t, make([]byte, 40), buf)
		n, err := b.RecvBytesInto(bounded(t), buf)
		require.NoError(t, err)
		assert.Equal(t, "next", string(buf[:n]))
	})
}

func TestCONN04_Poll(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		ready, err := b.Poll(pastContext())
		assert.False(t, ready)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		start := time.Now()
		ready, err = b.Poll(soon(t))
		assert.False(t, ready)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
		require.NoError(t, a.Send(bounded(t), nil))
		for _, ctx := range []context.Context{bounded(t), pastContext(), bounded(t)} {
			eventually(t, "there is something", func() bool { ready, err = b.Poll(ctx); return ready })
			require.NoError(t, err)
		}
		v, err := mp.Recv[any](bounded(t), b)
		require.NoError(t, err)
		assert.Nil(t, v)
		require.NoError(t, a.Close())
		ready, err = b.Poll(bounded(t))
		require.NoError(t, err)
		assert.True(t, ready, "the end counts")
	})
}

func TestCONN05_LargeMessages(t *testing.T) {
	sizes := []int{0, 1, 16380, 16384, 16385, 65536, 65537, 4 << 20, 16<<20 + 1}
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		echoed := make(chan error, 1)
		go func() {
			for range sizes {
				msg, err := b.RecvBytes(context.Background(), 0)
				if err == nil {
					err = b.SendBytes(context.Background(), msg)
				}
				if err != nil {
					echoed <- err
					return
				}
			}
			echoed <- nil
		}()
		for _, size := range sizes {
			msg := noise(size)
			require.NoError(t, a.SendBytes(bounded(t), msg))
			got, err := a.RecvBytes(bounded(t), 0)
			require.NoError(t, err)
			require.Equal(t, sha256.Sum256(msg), sha256.Sum256(got))
		}
		require.NoError(t, <-echoed)
	})
}

// noise returns random bytes.
func noise(size int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	msg := make([]byte, size)
	_, _ = r.Read(msg)
	return msg
}

func TestCONN06_WhatWasSentIsReceivedBeforeTheEnd(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		require.NoError(t, a.Send(bounded(t), 1))
		require.NoError(t, a.SendBytes(bounded(t), []byte("two")))
		require.NoError(t, a.Close())
		n, err := mp.Recv[int](bounded(t), b)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		two, err := b.RecvBytes(bounded(t), 0)
		require.NoError(t, err)
		assert.Equal(t, "two", string(two))
		_, err = mp.Recv[int](bounded(t), b)
		assert.Equal(t, io.EOF, err, "as it is")
		_, err = b.RecvBytes(bounded(t), 0)
		assert.Equal(t, io.EOF, err)
		_, err = b.RecvBytesInto(bounded(t), nil)
		assert.Equal(t, io.EOF, err)
		ready, err := b.Poll(pastContext())
		require.NoError(t, err)
		assert.True(t, ready)
	})
}

// An end that is closed with unread messages resets the connection; the other one has
// its messages, and the end, all the same.
func TestCONN06_TheOtherEndHadNotReadAll(t *testing.T) {
	for kind, pair := range map[string]func() (a, b *mp.Conn){
		"unix": func() (a, b *mp.Conn) { return connPair(t, "unix") },
		"pipe": func() (a, b *mp.Conn) { return pipePair(t) },
	} {
		t.Run(kind, func(t *testing.T) {
			a, b := pair()
			require.NoError(t, b.Send(bounded(t), "never read"))
			require.NoError(t, a.Send(bounded(t), 1))
			require.NoError(t, a.Close())
			n, err := mp.Recv[int](bounded(t), b)
			require.NoError(t, err)
			assert.Equal(t, 1, n)
			_, err = mp.Recv[int](bounded(t), b)
			assert.Equal(t, io.EOF, err)
		})
	}
}

func TestCONN08_PartsOfABufferAreSlices(t *testing.T) {
	letters := []byte("abcdefghijklmnopqrstuvwxyz")
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		for _, part := range [][]byte{letters[0:], letters[5:], letters[7:15], letters[26:], letters[26:26]} {
			require.NoError(t, a.SendBytes(bounded(t), part))
			got, err := b.RecvBytes(bounded(t), 0)
			require.NoError(t, err)
			assert.Equal(t, string(part), string(got))
		}
	})
}

func TestCONN11_Closed(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		for _, c := range []*mp.Conn{a, b} {
			require.NoError(t, c.Close())
			require.NoError(t, c.Close())
			ctx := bounded(t)
			var n int
			_, errBytes := c.RecvBytes(ctx, 0)
			_, errInto := c.RecvBytesInto(ctx, nil)
			_, errPoll := c.Poll(ctx)
			_, errWait := mp.Wait(ctx, c)
			for _, err := range []error{c.Send(ctx, 1), c.Recv(ctx, &n), c.SendBytes(ctx, nil), errBytes, errInto, errPoll, errWait} {
				assert.ErrorIs(t, err, mp.ErrClosed)
			}
		}
	})
	eachFamily(t, func(t *testing.T, a, _ *mp.Conn) {
		require.NoError(t, a.Close())
		_, err := a.File(bounded(t))
		assert.ErrorIs(t, err, mp.ErrClosed)
	})
}

func TestCONN11_CloseWakesWhoWaits(t *testing.T) {
	eachKind(t, func(t *testing.T, a, _ *mp.Conn) {
		ends := make(chan error, 4)
		for range 2 {
			go func() { ends <- a.Recv(context.Background(), new(int)) }()
			go func() {
				var err error
				for msg := make([]byte, 4<<20); err == nil; { // until there is no room
					err = a.SendBytes(context.Background(), msg)
				}
				ends <- err
			}()
		}
		time.Sleep(20 * time.Millisecond) // so that most runs find them waiting
		require.NoError(t, a.Close())
		for range 4 {
			assert.ErrorIs(t, <-ends, mp.ErrClosed)
		}
	})
}

func TestCONN12_EmptyMessages(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		sequence := []string{"hello", "", "a", "b", "", "bye", "", "lop"}
		for _, s := range sequence {
			require.NoError(t, a.SendBytes(bounded(t), []byte(s)))
		}
		for _, s := range sequence {
			for range 2 {
				ready, err := b.Poll(bounded(t))
				require.NoError(t, err)
				assert.True(t, ready)
			}
			got, err := b.RecvBytes(bounded(t), 0)
			require.NoError(t, err)
			assert.NotNil(t, got)
			assert.Equal(t, s, string(got))
		}
		require.NoError(t, a.SendBytes(bounded(t), nil))
		n, err := b.RecvBytesInto(bounded(t), nil)
		require.NoError(t, err)
		assert.Zero(t, n)
	})
}

func TestCONN14_MessagesAreNotMerged(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		for _, s := range []string{"a", "b", "cd"} {
			require.NoError(t, a.SendBytes(bounded(t), []byte(s)))
		}
		for _, s := range []string{"a", "b", "cd"} {
			ready, err := b.Poll(bounded(t))
			require.NoError(t, err)
			assert.True(t, ready)
			got, err := b.RecvBytes(bounded(t), 0)
			require.NoError(t, err)
			assert.Equal(t, s, string(got))
		}
		ready, _ := b.Poll(pastContext())
		assert.False(t, ready)
	})
}

// Beyond 2 GiB the header of a stream is another one. It needs 6 GiB of memory.
func TestCONN05_Beyond2GiB(t *testing.T) {
	if os.Getenv("MP_HUGE") == "" {
		t.Skip("MP_HUGE is not set: it takes 6 GiB of memory")
	}
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		const size = 1<<31 + 5
		sent := make(chan error, 1)
		go func() {
			msg := make([]byte, size)
			msg[0], msg[size-1] = 1, 2
			sent <- a.SendBytes(t.Context(), msg)
		}()
		got, err := b.RecvBytes(t.Context(), 0)
		require.NoError(t, err)
		require.NoError(t, <-sent)
		require.Len(t, got, size)
		require.Equal(t, []byte{1, 2}, []byte{got[0], got[size-1]})
	})
}
