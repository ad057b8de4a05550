//go:build linux

package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/leaktest"
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/transport"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

var background = context.Background()

// ends returns both ends of a unix socket, as files.
func ends(t testing.TB) (a, b *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	return os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
}

func open(t testing.TB, f *os.File) *Stream {
	t.Helper()
	c, err := socket.FromFile(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	s := New(c)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func streams(t testing.TB) (a, b *Stream) {
	fa, fb := ends(t)
	return open(t, fa), open(t, fb)
}

// overFiles returns streams over carriers that are no bare sockets, as TLS is none.
func overFiles(t testing.TB) (a, b *Stream) {
	fa, fb := ends(t)
	a, b = New(fa), New(fb)
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	return a, b
}

// recv receives a message with careful room.
func recv(ctx context.Context, s transport.Transport) (msg []byte, err error) {
	err = s.Recv(ctx, func(size int) ([]byte, error) {
		msg = transport.Careful(msg, size)
		return msg, nil
	})
	return msg, err
}

func TestHeaders(t *testing.T) {
	var buf [longHeader]byte
	for size, want := range map[int]string{
		0:                 "\x00\x00\x00\x00",
		5:                 "\x00\x00\x00\x05",
		math.MaxInt32:     "\x7f\xff\xff\xff",
		math.MaxInt32 + 1: "\xff\xff\xff\xff\x00\x00\x00\x00\x80\x00\x00\x00",
		math.MaxInt64:     "\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
	} {
		assert.Equal(t, want, string(putHeader(buf[:], size)))
	}
}

func TestLongHeaderOfAShortMessage(t *testing.T) {
	fa, fb := ends(t)
	b := open(t, fb)
	_, err := fa.WriteString("\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x02ok")
	require.NoError(t, err)
	require.NoError(t, fa.Close())
	msg, err := recv(background, b)
	require.NoError(t, err)
	assert.Equal(t, "ok", string(msg))
	_, err = recv(background, b)
	require.ErrorIs(t, err, io.EOF)
}

func TestASmallMessageIsOneWrite(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	peer := os.NewFile(uintptr(fds[1]), "peer")
	defer peer.Close()
	s := open(t, os.NewFile(uintptr(fds[0]), "s"))
	for _, size := range []int{0, 1, together} {
		before := writes(t)
		require.NoError(t, s.Send(background, make([]byte, size)))
		assert.LessOrEqual(t, writes(t)-before, 1)
		_, err := io.ReadFull(peer, make([]byte, headerSize+size))
		require.NoError(t, err)
	}
	msg := make([]byte, together)
	sink := func() {
		_ = s.Send(background, msg[:100])
		_, _ = peer.Read(msg)
	}
	assert.Zero(t, testing.AllocsPerRun(100, sink))
}

// writes counts the write calls of this process. (sendmsg is not among them: what is
// counted here would be a second one.)
func writes(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(text, []byte("syscw: "))
	n := 0
	for _, c := range after {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}

var errNo = errors.New("no")

// Refusing at any time leaves the stream in step.
func TestRefusals(t *testing.T) {
	for _, make2 := range []func(testing.TB) (a, b *Stream){streams, overFiles} {
		a, b := make2(t)
		large := bytes.Repeat([]byte("large"), 3<<20)
		go func() {
			_ = a.Send(background, large)
			_ = a.Send(background, []byte("x"))
			_ = a.Send(background, large)
			_ = a.Send(background, large)
			_ = a.Send(background, []byte("last"))
		}()
		refuse := func(size int) ([]byte, error) { return nil, errNo }
		require.ErrorIs(t, b.Recv(background, refuse), errNo)
		require.ErrorIs(t, b.Recv(background, refuse), errNo)
		var room []byte
		require.ErrorIs(t, b.Recv(background, func(size int) ([]byte, error) {
			if room != nil {
				return nil, errNo // when a part is here
			}
			room = make([]byte, 1000)
			return room, nil
		}), errNo)
		short := make([]byte, 10)
		require.ErrorContains(t, b.Recv(background, func(int) ([]byte, error) { return short, nil }), "no room")
		msg, err := recv(background, b)
		require.NoError(t, err)
		require.Equal(t, "last", string(msg))
	}
}

// A context that ends while a refused message is skipped.
func TestARefusedMessageIsSkippedLater(t *testing.T) {
	a, b := streams(t)
	fd, err := a.SyscallConn()
	require.NoError(t, err)
	raw := func(text string) {
		require.NoError(t, fd.Write(func(fd uintptr) bool {
			_, err := syscall.Write(int(fd), []byte(text))
			return assert.NoError(t, err)
		}))
	}
	raw("\x00\x00\x00\x0arefu")
	ctx, cancel := context.WithTimeout(background, 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, b.Recv(ctx, func(int) ([]byte, error) { return nil, errNo }), errNo)
	short, cancel := context.WithTimeout(background, 10*time.Millisecond)
	defer cancel()
	ready, err := b.Poll(short)
	require.False(t, ready, "what is to be skipped is no message")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = b.File(background)
	require.ErrorIs(t, err, errHalfRead)
	raw("sed...\x00\x00\x00\x02ok")
	ready, err = b.Poll(background)
	require.NoError(t, err)
	require.True(t, ready)
	msg, err := recv(background, b)
	require.NoError(t, err)
	require.Equal(t, "ok", string(msg))
}

// Senders and receivers whose contexts end at random moments: each message that was
// sent, or is underway, arrives once and whole, and no other does.
func TestContextsAtRandom(t *testing.T) {
	for name, make2 := range map[string]func(testing.TB) (a, b *Stream){"socket": streams, "other": overFiles} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			a, b := make2(t)
			const senders, each = 4, 150
			var mu sync.Mutex
			sent, got := make(map[uint64]bool), make(map[uint64]bool)
			var all, receiving sync.WaitGroup
			for s := range senders {
				all.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(s)))
					for i := range each {
						id := uint64(s*each + i)
						size := 8 + r.IntN(1<<(3+r.IntN(18)))
						msg := bytes.Repeat([]byte{byte(id)}, size)
						binary.BigEndian.PutUint64(msg, id)
						ctx, cancel := context.WithTimeout(background, time.Duration(r.IntN(2000))*time.Microsecond)
						err := a.Send(ctx, msg)
						cancel()
						clear(msg) // it is the caller's again
						if err == nil || errors.Is(err, transport.ErrUnderway) {
							mu.Lock()
							sent[id] = true
							mu.Unlock()
						} else if !errors.Is(err, context.DeadlineExceeded) {
							assert.NoError(t, err)
						}
					}
				})
			}
			for k := range 3 {
				receiving.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(100+k)))
					for {
						ctx, cancel := context.WithTimeout(background, time.Duration(r.IntN(1000))*time.Microsecond)
						msg, err := recv(ctx, b)
						cancel()
						switch {
						case errors.Is(err, io.EOF):
							return
						case errors.Is(err, context.DeadlineExceeded):
							continue
						case !assert.NoError(t, err):
							return
						}
						id := binary.BigEndian.Uint64(msg)
						for _, c := range msg[8:] {
							if c != byte(id) {
								assert.Equal(t, byte(id), c)
								break
							}
						}
						mu.Lock()
						assert.False(t, got[id], "twice")
						got[id] = true
						mu.Unlock()
					}
				})
			}
			all.Wait()
			require.NoError(t, a.Send(background, binary.BigEndian.AppendUint64(nil, 1<<40))) // behind what is underway
			sent[1<<40] = true
			require.NoError(t, a.Close())
			receiving.Wait()
			assert.Equal(t, sent, got)
		})
	}
}

// FuzzReceive sends any bytes, in two portions, and has what comes out compared with
// what the simplest of all parsers finds in them.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{}, 0)
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x02ok"), 3)
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x02ok"), 7)
	f.Add([]byte("\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x02ok"), 5)
	f.Add([]byte("\x80\x00\x00\x00"), 2)
	f.Add([]byte("\x7f\xff\xff\xffpromises"), 20)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		fa, fb := ends(t)
		s := open(t, fb)
		cut = min(max(cut, 0), len(in))
		go func() {
			_, _ = fa.Write(in[:cut])
			_, _ = fa.Write(in[cut:])
			_ = fa.Close()
		}()
		for rest := in; ; {
			msg, err := recv(background, s)
			want, after, wanted := parse(rest)
			if wanted != nil {
				require.ErrorIs(t, err, wanted)
				return
			}
			require.NoError(t, err)
			require.Equal(t, string(want), string(msg))
			rest = after
		}
	})
}

func parse(in []byte) (msg, rest []byte, err error) {
	if len(in) == 0 {
		return nil, nil, io.EOF
	}
	if len(in) < 4 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	size := int64(int32(binary.BigEndian.Uint32(in)))
	in = in[4:]
	if size == -1 {
		if len(in) < 8 {
			return nil, nil, io.ErrUnexpectedEOF
		}
		size = int64(binary.BigEndian.Uint64(in))
		in = in[8:]
	}
	switch {
	case size < 0:
		return nil, nil, transport.ErrBrokenFraming
	case size > int64(len(in)):
		return nil, nil, io.ErrUnexpectedEOF
	}
	return in[:size], in[size:], nil
}

// BenchmarkPingPong is a message there and back between two goroutines.
func BenchmarkPingPong(b *testing.B) {
	x, y := streams(b)
	go func() {
		for {
			msg, err := recv(background, y)
			if err != nil || y.Send(background, msg) != nil {
				return
			}
		}
	}()
	msg := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if err := x.Send(background, msg); err != nil {
			b.Fatal(err)
		}
		if _, err := recv(background, x); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLarge(b *testing.B) {
	x, y := streams(b)
	go func() {
		for {
			if _, err := recv(background, y); err != nil {
				return
			}
		}
	}()
	msg := make([]byte, 1<<20)
	b.SetBytes(1 << 20)
	for b.Loop() {
		if err := x.Send(background, msg); err != nil {
			b.Fatal(err)
		}
	}
}
