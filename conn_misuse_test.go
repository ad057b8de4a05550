//go:build linux

package mp_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"math"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/mptls"
)

func TestCONN20_NoConnection(t *testing.T) {
	for _, c := range []*mp.Conn{nil, {}} {
		var n int
		_, errBytes := c.RecvBytes(bounded(t), 0)
		_, errInto := c.RecvBytesInto(bounded(t), nil)
		_, errPoll := c.Poll(bounded(t))
		_, errRaw := c.SyscallConn()
		_, errFile := c.File(bounded(t))
		_, errRecv := mp.Recv[int](bounded(t), c)
		for _, err := range []error{c.Send(bounded(t), 1), c.Recv(bounded(t), &n), errRecv, c.SendBytes(bounded(t), nil), errBytes, errInto, errPoll, errRaw, errFile} {
			assert.Error(t, err)
		}
		assert.NoError(t, c.Close())
		assert.Equal(t, "mp.Conn(none)", c.String())
		assert.Zero(t, c.LocalAddr())
		assert.Zero(t, c.RemoteAddr())
	}
	end, _ := pipePair(t)
	assert.Zero(t, end.LocalAddr())
	assert.Zero(t, end.RemoteAddr())
	_, err := end.SyscallConn()
	assert.ErrorContains(t, err, "no descriptor")
	_, err = end.File(bounded(t))
	assert.ErrorContains(t, err, "no descriptor")
}

func TestFileConnOfWhatIsNoConnection(t *testing.T) {
	_, err := mp.FileConn(nil)
	require.ErrorIs(t, err, os.ErrInvalid)
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	_, err = mp.FileConn(null)
	require.ErrorIs(t, err, syscall.ENOTSOCK)
	require.NoError(t, null.Close())
	_, err = mp.FileConn(null)
	require.ErrorContains(t, err, "closed file")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	_, err = mp.FileConn(f)
	assert.ErrorIs(t, err, syscall.EPROTOTYPE)
}

// Who could let nobody in is told so at once; to dial, no certificate is needed.
func TestTLSWithoutACertificate(t *testing.T) {
	server, roots := certificate(t, "localhost")
	bare := mptls.New(&tls.Config{RootCAs: roots, ServerName: "localhost"})
	for _, security := range []mp.TLS{mptls.New(nil), mptls.New(&tls.Config{}), bare} {
		_, err := (&mp.ListenConfig{TLS: security}).Listen(bounded(t), "tcp", "127.0.0.1:0")
		assert.ErrorContains(t, err, "mptls.New: to listen, the configuration needs Certificates, GetCertificate or GetConfigForClient")
	}
	for _, config := range []*tls.Config{
		server,
		{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server.Certificates[0], nil }},
		{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return server, nil }},
	} {
		l := listenAt(t, "tcp", mp.ListenConfig{TLS: mptls.New(config)})
		dialTo(t, l, mp.Dialer{TLS: bare})
		accepted(t, l)
	}
}

func TestCONN21_SignalsDoNotDisturb(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	stop := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
				time.Sleep(time.Millisecond)
			}
		}
	})
	defer storm.Wait()
	defer close(stop)
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		messages := [][]byte{noise(8 << 20), noise(1 << 20), noise(7 << 20)} // more than there is room for
		sent := inBackground(t, func() error {
			time.Sleep(30 * time.Millisecond) // the other end is in its receive
			for _, msg := range messages {
				if err := a.SendBytes(bounded(t), msg); err != nil {
					return err
				}
			}
			return nil
		})
		for _, msg := range messages {
			got, err := b.RecvBytes(bounded(t), 0)
			require.NoError(t, err)
			assert.Equal(t, sha256.Sum256(msg), sha256.Sum256(got))
			time.Sleep(10 * time.Millisecond) // the other end is in its send
		}
		require.NoError(t, sent())
	})
}

func TestCONN22_LongerThanAllowed(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		go func() {
			_ = a.SendBytes(context.Background(), make([]byte, 1<<20))
			_ = a.SendBytes(context.Background(), []byte("fits"))
		}()
		_, err := b.RecvBytes(bounded(t), 100)
		var long *mp.MessageTooLongError
		require.ErrorAs(t, err, &long)
		assert.Equal(t, mp.MessageTooLongError{Size: 1 << 20, Max: 100}, *long)
		got, err := b.RecvBytes(bounded(t), 4)
		require.NoError(t, err)
		assert.Equal(t, "fits", string(got))
		_, err = b.RecvBytes(bounded(t), -1)
		require.ErrorContains(t, err, "negative")
		require.NoError(t, b.SendBytes(bounded(t), []byte("and back")))
	})
}

func TestCONN22_TheLimitOfTheConnection(t *testing.T) {
	l := listenAt(t, "unix", mp.ListenConfig{MaxMessage: 1000})
	client := dialTo(t, l, mp.Dialer{})
	server := accepted(t, l)
	for range 3 {
		require.NoError(t, client.SendBytes(bounded(t), make([]byte, 1001)))
	}
	require.NoError(t, client.Send(bounded(t), "fits"))
	var long *mp.MessageTooLongError
	require.ErrorAs(t, server.Recv(bounded(t), new(string)), &long)
	_, err := server.RecvBytes(bounded(t), 0)
	require.ErrorAs(t, err, &long)
	_, err = server.RecvBytesInto(bounded(t), nil)
	require.ErrorAs(t, err, &long)
	got, err := mp.Recv[string](bounded(t), server)
	require.NoError(t, err)
	assert.Equal(t, "fits", got)
}

func TestCONN23_SendingToNobody(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		require.NoError(t, b.Close())
		var err error
		eventually(t, "sending fails", func() bool { err = a.Send(bounded(t), "hello?"); return err != nil })
		assert.ErrorIs(t, err, syscall.EPIPE)
	})
}

type unsendable struct {
	Name string
	C    chan int
}

func TestCONN24_WhatCannotTravelIsNotSent(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		for _, v := range []any{make(chan int), func() {}, unsendable{}, []any{make(chan int)}, struct{ a int }{1}} {
			require.Error(t, a.Send(bounded(t), v))
		}
		require.NoError(t, a.Send(bounded(t), "good"))
		got, err := mp.Recv[string](bounded(t), b)
		require.NoError(t, err)
		assert.Equal(t, "good", got)
		for _, ptr := range []any{nil, 5, (*int)(nil), new(chan int)} {
			require.Error(t, b.Recv(bounded(t), ptr))
		}
	})
}

func TestCONN24_WhatCannotBeDecodedIsSkipped(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		require.NoError(t, a.Send(bounded(t), "no number"))
		require.NoError(t, a.SendBytes(bounded(t), []byte{0xc1, 0xff, 0xff}))
		require.NoError(t, a.SendBytes(bounded(t), nil))
		require.NoError(t, a.Send(bounded(t), 70000))
		require.NoError(t, a.Send(bounded(t), 42))
		for range 3 {
			_, err := mp.Recv[int](bounded(t), b)
			require.Error(t, err)
		}
		_, err := mp.Recv[int8](bounded(t), b)
		require.Error(t, err)
		n, err := mp.Recv[int](bounded(t), b)
		require.NoError(t, err)
		assert.Equal(t, 42, n)
	})
}

func TestCONN24_HandlesStayInTheFamily(t *testing.T) {
	a, b := connPair(t, "unix")
	lock := mp.Must(mp.NewLock())
	defer lock.Close()
	require.ErrorIs(t, a.Send(bounded(t), lock), mp.ErrNotShareable)
	require.ErrorIs(t, a.Send(bounded(t), []*mp.Lock{lock}), mp.ErrNotShareable)
	require.ErrorIs(t, b.Recv(bounded(t), &lock), mp.ErrNotShareable, "a forged one must not open anything")
	require.NoError(t, a.Send(bounded(t), 1))
	n, err := mp.Recv[int](bounded(t), b)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

func TestCONN26_ManyGoroutines(t *testing.T) {
	const senders, each = 4, 250
	eachKind(t, func(t *testing.T, a, b *mp.Conn) {
		var all sync.WaitGroup
		for _, pair := range [][2]*mp.Conn{{a, b}, {b, a}} {
			var mu sync.Mutex
			seen := make(map[string]int)
			for s := range senders {
				all.Go(func() {
					for i := range each {
						msg := fmt.Sprintf("%d:%d", s, i)
						if i%50 == 0 {
							msg += string(make([]byte, 300000))
						}
						assert.NoError(t, pair[0].Send(bounded(t), msg))
					}
				})
				all.Go(func() {
					for range each {
						msg, err := mp.Recv[string](bounded(t), pair[1])
						assert.NoError(t, err)
						mu.Lock()
						seen[msg]++
						mu.Unlock()
					}
				})
			}
			defer func() { assert.Len(t, seen, senders*each) }()
		}
		all.Wait()
	})
}

type sample struct {
	Name string
	At   time.Time
	Tags []string
	M    map[string][]int
}

func TestCONN27_ValuesKeepTheirTypes(t *testing.T) {
	eachKind(t, valuesKeepTheirTypes)
}

func valuesKeepTheirTypes(t *testing.T, a, b *mp.Conn) {
	now := time.Now().Round(0)
	for _, v := range []any{
		nil, true, int64(math.MinInt64), uint64(math.MaxUint64), 1.5, math.Inf(-1), "text", []byte("bytes"),
		[]any{[]any{int8(1)}, "x"}, map[string]any{"a": uint16(5), "b": nil}, now, time.Second, []float64{1, 2}, []int(nil),
	} {
		in := []any{v} // in an any, the type travels too
		require.NoError(t, a.Send(bounded(t), in))
		out, err := mp.Recv[[]any](bounded(t), b)
		require.NoError(t, err)
		assert.Equal(t, in, out)
	}
	in := sample{"n", now, []string{"a", ""}, map[string][]int{"x": {1}, "nil": nil}}
	for _, v := range []any{in, &in} {
		require.NoError(t, a.Send(bounded(t), v))
		out, err := mp.Recv[sample](bounded(t), b)
		require.NoError(t, err)
		assert.Equal(t, in, out)
	}
	large := noise(1 << 20)
	require.NoError(t, a.Send(bounded(t), large[:100000]))
	out, err := mp.Recv[[]byte](bounded(t), b)
	require.NoError(t, err)
	assert.Equal(t, large[:100000], out)
}

// A context that ends leaves the connection in step, wherever it caught the message.
func TestConnContextsEndAnywhere(t *testing.T) {
	eachFamily(t, func(t *testing.T, a, b *mp.Conn) {
		contextsEnd(t, a)
		msg := noise(8 << 20) // more than the system keeps
		err := a.SendBytes(soon(t), msg)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, mp.ErrUnderway)
		err = a.SendBytes(soon(t), []byte("too late"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, mp.ErrUnderway)

		var got []byte
		for got == nil {
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Microsecond)
			got, err = b.RecvBytes(ctx, 0)
			if cancel(); err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
		}
		require.Equal(t, sha256.Sum256(msg), sha256.Sum256(got))
		require.NoError(t, a.SendBytes(bounded(t), []byte("next")))
		got, err = b.RecvBytes(bounded(t), 0)
		require.NoError(t, err)
		require.Equal(t, "next", string(got))
	})
}

// contextsEnd tries contexts that end when there is nothing to receive.
func contextsEnd(t *testing.T, c *mp.Conn) {
	require.Equal(t, context.DeadlineExceeded, c.Send(pastContext(), 1))
	require.Equal(t, context.DeadlineExceeded, c.Recv(pastContext(), new(int)))
	require.ErrorIs(t, c.Recv(soon(t), new(int)), mp.ErrTimeout)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, c.Recv(ctx, new(int)), context.Canceled)
}

// A message is in a pipe, or it is not: there is no part of one.
func TestPipeContextsEndAnywhere(t *testing.T) {
	a, b := pipePair(t)
	contextsEnd(t, a)
	for _, msg := range [][]byte{noise(1 << 20), noise(10)} { // the pipe is full of bytes, and of messages
		n := 0
		var err error
		for ; err == nil; n++ {
			err = a.SendBytes(soon(t), msg)
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, mp.ErrTimeout)
		require.NotErrorIs(t, err, mp.ErrUnderway)
		for range n - 1 {
			got, err := b.RecvBytes(bounded(t), 0)
			require.NoError(t, err)
			require.Equal(t, msg, got)
		}
		ready, err := b.Poll(pastContext())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, ready)
	}
}

func TestConnSaysWhatItIs(t *testing.T) {
	a, b := connPair(t, "unix")
	assert.Equal(t, fmt.Sprintf("mp.Conn(%s, with process %d)", a.LocalAddr(), os.Getpid()), a.String())
	assert.Equal(t, a.String(), b.String())
	a, b = connPair(t, "tcp")
	assert.Equal(t, a.LocalAddr(), b.RemoteAddr())
	assert.Equal(t, b.LocalAddr(), a.RemoteAddr())
	assert.Equal(t, "tcp", a.LocalAddr().Network())
	rc, err := a.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, rc.Control(func(fd uintptr) { assert.Greater(t, fd, uintptr(2)) }))
}
