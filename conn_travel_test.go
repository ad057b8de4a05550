//go:build linux

package mp_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/fdstore"
	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/travel"
	"github.com/multiproc/mp/mptls"
)

// A letter is a connection or a file, and what the receiver is to do with it.
type letter struct {
	Conn   *mp.Conn
	Socket *os.File
	Expect string // is to be received; empty: nothing
	Answer string // is to be sent; empty: nothing
}

// A postbox is where a child gets its letters from.
type postbox struct {
	Conn  *mp.Conn // or
	Queue *mp.Queue[letter]
	N     int
}

func (p postbox) next(ctx context.Context) (letter, error) {
	if p.Conn != nil {
		return mp.Recv[letter](ctx, p.Conn)
	}
	return p.Queue.Get(ctx)
}

var answerLetters = mp.Action(func(ctx context.Context, p postbox) error {
	for range p.N {
		l, err := p.next(ctx)
		if err != nil {
			return err
		}
		if err := l.deal(ctx); err != nil {
			return err
		}
	}
	return nil
})

func (l letter) deal(ctx context.Context) error {
	if l.Socket != nil {
		got := make([]byte, len(l.Expect))
		if _, err := io.ReadFull(l.Socket, got); err != nil || string(got) != l.Expect {
			return fmt.Errorf("%q %w", got, err)
		}
		_, err := l.Socket.WriteString(l.Answer)
		return errors.Join(err, l.Socket.Close())
	}
	if l.Expect != "" {
		if got, err := mp.Recv[string](ctx, l.Conn); err != nil || got != l.Expect {
			return fmt.Errorf("%q %w", got, err)
		}
	}
	var err error
	if l.Answer != "" {
		err = l.Conn.Send(ctx, l.Answer)
	}
	return errors.Join(err, l.Conn.Close())
}

// correspondence is what is sent to a child, and what the other end does.
type correspondence struct {
	name   string
	letter letter
	other  func(t *testing.T)
}

// askOver has the other end of a connection send what the child expects, receive what
// it answers, and find the end when the child has closed the last copy.
func askOver(c *mp.Conn, l letter) func(t *testing.T) {
	return func(t *testing.T) {
		if l.Expect != "" {
			require.NoError(t, c.Send(bounded(t), l.Expect))
		}
		if l.Answer != "" {
			got, err := mp.Recv[string](bounded(t), c)
			require.NoError(t, err)
			assert.Equal(t, l.Answer, got)
			_, err = mp.Recv[string](bounded(t), c)
			assert.ErrorIs(t, err, io.EOF)
		}
		require.NoError(t, c.Close())
	}
}

func correspond(t *testing.T) (all []correspondence) {
	add := func(name string, theirs, mine *mp.Conn, expect, answer string) {
		l := letter{Conn: theirs, Expect: expect, Answer: answer}
		all = append(all, correspondence{name, l, askOver(mine, l)})
	}
	recv, send, err := mp.Simplex()
	require.NoError(t, err)
	add("the receiving end", recv, send, "for you", "")
	recv, send, err = mp.Simplex()
	require.NoError(t, err)
	add("the sending end", send, recv, "", "from me")
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	add("one of two equal ends", a, b, "for you", "from me")
	for family := range families {
		server, client := connPair(t, family)
		add("accepted, "+family, server, client, "for you", "from me")
		server, client = connPair(t, family)
		add("dialled, "+family, client, server, "for you", "from me")
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	theirs, mine := os.NewFile(uintptr(fds[0]), "theirs"), os.NewFile(uintptr(fds[1]), "mine")
	return append(all, correspondence{"a raw socket", letter{Socket: theirs, Expect: "for you", Answer: "from me"}, func(t *testing.T) {
		_, err := mine.WriteString("for you")
		require.NoError(t, err)
		assert.Equal(t, "from me", allFrom(t, mine))
		require.NoError(t, mine.Close())
	}})
}

func TestCONN19_ConnectionsThroughConnectionsAndQueues(t *testing.T) {
	mine, theirs, err := mp.Pipe()
	require.NoError(t, err)
	defer mine.Close()
	defer theirs.Close()
	q := made[*mp.Queue[letter]](t)(mp.NewQueue[letter](0))
	for name, way := range map[string]struct {
		box  postbox
		post func(ctx context.Context, l letter) error
	}{
		"connection": {postbox{Conn: theirs}, func(ctx context.Context, l letter) error { return mine.Send(ctx, l) }},
		"queue":      {postbox{Queue: q}, q.Put},
	} {
		t.Run(name, func(t *testing.T) {
			all := correspond(t)
			way.box.N = len(all)
			for _, c := range all {
				require.NoError(t, way.post(bounded(t), c.letter), c.name)
				if c.letter.Socket != nil {
					require.NoError(t, c.letter.Socket.Close())
				} else {
					require.NoError(t, c.letter.Conn.Close())
				}
			}
			p := launch(t, answerLetters.With(way.box))
			for _, c := range all {
				t.Run(c.name, c.other)
			}
			require.NoError(t, join(t, p))
		})
	}
}

// posted sends a connection through a queue, and returns what arrives.
func posted(t testing.TB, c *mp.Conn) (*mp.Conn, error) {
	t.Helper()
	q := made[*mp.Queue[*mp.Conn]](t)(mp.NewQueue[*mp.Conn](0))
	if err := q.Put(t.Context(), c); err != nil {
		return nil, err
	}
	got, err := q.TryGet()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, got.Close()) })
	return got, nil
}

// Both handles work, and know the same of the connection.
func TestASocketThatTwoHave(t *testing.T) {
	for family := range families {
		t.Run(family, func(t *testing.T) {
			l := listenAt(t, family, mp.ListenConfig{MaxMessage: 100})
			client := dialTo(t, l, mp.Dialer{})
			server := accepted(t, l)
			require.NoError(t, client.SendBytes(t.Context(), []byte("waits in the kernel")))
			second, err := posted(t, server)
			require.NoError(t, err)
			assert.Equal(t, server.LocalAddr(), second.LocalAddr())
			assert.Equal(t, server.RemoteAddr(), second.RemoteAddr())
			assert.Equal(t, server.String(), second.String())
			msg, err := second.RecvBytes(bounded(t), 0)
			require.NoError(t, err)
			assert.Equal(t, "waits in the kernel", string(msg))

			require.NoError(t, client.SendBytes(t.Context(), make([]byte, 101)))
			var long *mp.MessageTooLongError
			_, err = second.RecvBytes(bounded(t), 0)
			require.ErrorAs(t, err, &long)
			assert.Equal(t, 100, long.Max)
			assert.ErrorIs(t, second.Send(t.Context(), server), mp.ErrNotShareable, "it is one to the outside, as the first")

			for _, c := range []*mp.Conn{server, second, server} {
				require.NoError(t, client.Send(t.Context(), "ping"))
				got, err := mp.Recv[string](bounded(t), c)
				require.NoError(t, err)
				assert.Equal(t, "ping", got)
			}
			require.NoError(t, server.Close())
			require.NoError(t, second.Send(t.Context(), "still here"))
			got, err := mp.Recv[string](bounded(t), client)
			require.NoError(t, err)
			assert.Equal(t, "still here", got)
		})
	}
}

// Between two messages only: half of one would be lost.
func TestASocketWithAMessageUnderWay(t *testing.T) {
	l := listenAt(t, "unix", mp.ListenConfig{})
	client, err := net.Dial("unix", l.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	server := accepted(t, l)

	receives := make(chan error, 1)
	ctx, cancel := context.WithCancel(bounded(t))
	go func() { receives <- server.Recv(ctx, new(string)) }()
	eventually(t, "the other one waits", func() bool {
		_, err = posted(t, server)
		return err != nil
	})
	assert.ErrorContains(t, err, "being sent or received")
	cancel()
	assert.ErrorIs(t, <-receives, context.Canceled)

	_, err = client.Write([]byte{0, 0, 0, 9, 1, 2})
	require.NoError(t, err)
	_, err = server.RecvBytes(soon(t), 0)
	require.ErrorIs(t, err, mp.ErrTimeout)
	_, err = posted(t, server)
	assert.ErrorContains(t, err, "received in part")
	_, err = client.Write(make([]byte, 7))
	require.NoError(t, err)
	_, err = server.RecvBytes(bounded(t), 0)
	require.NoError(t, err)
	_, err = posted(t, server)
	assert.NoError(t, err)

	require.ErrorIs(t, server.SendBytes(soon(t), make([]byte, 32<<20)), mp.ErrUnderway)
	_, err = posted(t, server)
	assert.ErrorContains(t, err, "being sent or received")
	require.NoError(t, server.Close())
	_, err = posted(t, server)
	assert.ErrorIs(t, err, mp.ErrClosed)
}

// What claims to be a connection and is none is an error.
func TestConnectionsThatAreNone(t *testing.T) {
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	defer a.Close()
	defer b.Close()
	r, _ := pipeEnds(t)
	nowhere := travel.Append(nil, shm.Ref{Cell: 1, Generation: math.MaxUint32, Kind: fdstore.Kind})
	other := travel.Append(nil, shm.Ref{Cell: 1, Generation: math.MaxUint32, Kind: fifo.KindSender})
	for _, payload := range [][]byte{
		nil, nowhere, append(nowhere, make([]byte, 7)...), append(nowhere, make([]byte, 8)...), append(other, make([]byte, 8)...),
		binary.BigEndian.AppendUint64(nowhere, math.MaxUint64), append(nowhere, nowhere...), append(other, nowhere...), append(other, other...),
		make([]byte, 24), make([]byte, 40),
	} {
		msg := append([]byte{0xc7, byte(len(payload)), travel.ExtConn}, payload...)
		require.NoError(t, a.SendBytes(t.Context(), msg))
		c, err := mp.Recv[*mp.Conn](bounded(t), b)
		assert.Error(t, err, "% x", payload)
		assert.Nil(t, c)
	}
	require.NoError(t, a.Send(t.Context(), r))
	_, err = mp.Recv[*mp.Conn](bounded(t), b)
	assert.Error(t, err)
}

func TestWhatIsEncryptedStays(t *testing.T) {
	server, roots := certificate(t, "localhost")
	l := listenAt(t, "tcp", mp.ListenConfig{TLS: mptls.New(server)})
	client, err := (&mp.Dialer{TLS: mptls.New(&tls.Config{RootCAs: roots, ServerName: "localhost"})}).Dial(bounded(t), "tcp", l.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	_, err = posted(t, accepted(t, l))
	assert.ErrorIs(t, err, mp.ErrNotShareable)
	assert.ErrorContains(t, err, "encrypted")
}
