//go:build linux

package mpnet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	_ "github.com/multiproc/mp/mpnet"
)

// patience is how long a wait may take before it is a hang.
const patience = 10 * time.Second

func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func launch(t testing.TB, call mp.AnyCall) *mp.Process {
	t.Helper()
	p := mp.NewProcess(call)
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		_ = p.Kill()
		<-p.Done()
	})
	return p
}

// places are where to listen.
func places(t testing.TB) map[string][2]string {
	dir, err := os.MkdirTemp("", "mpnet") // the path has to be short
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return map[string][2]string{"tcp": {"tcp", "127.0.0.1:0"}, "unix": {"unix", filepath.Join(dir, "s")}}
}

// listen listens until the end of the test.
func listen(t testing.TB, at [2]string) net.Listener {
	t.Helper()
	l, err := net.Listen(at[0], at[1])
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// dial connects to a listener and bounds what is done with the connection.
func dial(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.DialTimeout(l.Addr().Network(), l.Addr().String(), patience)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// echo sends back what comes, up to the end.
func echo(c net.Conn) error {
	_, err := io.Copy(c, c)
	return errors.Join(err, c.Close())
}

// A bag is sockets of all types, of which one is set.
type bag struct {
	Listener     net.Listener
	TCPListener  *net.TCPListener
	UnixListener *net.UnixListener
	Conn         net.Conn
	TCPConn      *net.TCPConn
	UnixConn     *net.UnixConn
}

// useBag echoes over a connection that it has, or gets.
var useBag = mp.Action(func(_ context.Context, b bag) error {
	for _, l := range []net.Listener{b.Listener, b.TCPListener, b.UnixListener} {
		if l == nil || l == net.Listener((*net.TCPListener)(nil)) || l == net.Listener((*net.UnixListener)(nil)) {
			continue
		}
		c, err := l.Accept()
		return errors.Join(err, echo(c), l.Close())
	}
	switch {
	case b.Conn != nil:
		return echo(b.Conn)
	case b.TCPConn != nil:
		return echo(b.TCPConn)
	case b.UnixConn != nil:
		return echo(b.UnixConn)
	}
	return errors.New("there is nothing in it")
})

// answers checks that somebody echoes at the other end.
func answers(t *testing.T, c net.Conn) {
	t.Helper()
	text := bytes.Repeat([]byte("0123456789"), 10000)
	go func() {
		_, _ = c.Write(text)
		_ = c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	assert.Equal(t, text, got)
}

func TestListenersTravel(t *testing.T) {
	for network, at := range places(t) {
		l := listen(t, at)
		bags := []bag{{Listener: l}}
		switch l := l.(type) {
		case *net.TCPListener:
			bags = append(bags, bag{TCPListener: l})
		case *net.UnixListener:
			l.SetUnlinkOnClose(false)
			bags = append(bags, bag{UnixListener: l})
		}
		for i, b := range bags {
			t.Run(fmt.Sprint(network, i), func(t *testing.T) {
				p := launch(t, useBag.With(b))
				answers(t, dial(t, l))
				assert.NoError(t, p.Join(bounded(t)))
			})
		}
	}
}

// The sender closes its listener at once: the socket is the receiver's alone, and its
// file stays if the sender has said so.
func TestTheSenderClosesItsListener(t *testing.T) {
	for network, at := range places(t) {
		t.Run(network, func(t *testing.T) {
			l := listen(t, at)
			if u, ok := l.(*net.UnixListener); ok {
				u.SetUnlinkOnClose(false)
			}
			p := launch(t, useBag.With(bag{Listener: l}))
			require.NoError(t, l.Close())
			answers(t, dial(t, l))
			assert.NoError(t, p.Join(bounded(t)))
			if network == "unix" {
				_, err := os.Lstat(at[1])
				assert.NoError(t, err)
			}
		})
	}
}

func TestCONN19_SocketsOfPackageNet(t *testing.T) {
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	defer a.Close()
	defer b.Close()
	q, err := mp.NewQueue[bag](0)
	require.NoError(t, err)
	defer q.Close()
	for way, post := range map[string]func(b bag) error{
		"connection": func(b bag) error { return a.Send(t.Context(), b) },
		"queue":      func(b bag) error { return q.Put(t.Context(), b) },
	} {
		for network, at := range places(t) {
			l := listen(t, at)
			for _, fill := range []func(c net.Conn) bag{
				func(c net.Conn) bag { return bag{Conn: c} },
				func(c net.Conn) bag {
					tcp, _ := c.(*net.TCPConn)
					unix, _ := c.(*net.UnixConn)
					return bag{TCPConn: tcp, UnixConn: unix}
				},
			} {
				t.Run(way+" "+network, func(t *testing.T) {
					client := dial(t, l)
					server, err := l.Accept()
					require.NoError(t, err)
					require.NoError(t, post(fill(server)))
					require.NoError(t, server.Close())
					p := launch(t, takeBag.With(ways{b, q, way}))
					answers(t, client)
					assert.NoError(t, p.Join(bounded(t)))
				})
			}
		}
	}
}

type ways struct {
	Conn  *mp.Conn
	Queue *mp.Queue[bag]
	Way   string
}

// takeBag takes one bag from where it comes, and echoes.
var takeBag = mp.Action(func(ctx context.Context, w ways) (err error) {
	var b bag
	if w.Way == "queue" {
		b, err = w.Queue.Get(ctx)
	} else {
		err = w.Conn.Recv(ctx, &b)
	}
	switch {
	case err != nil:
		return err
	case b.Conn != nil:
		return echo(b.Conn)
	case b.TCPConn != nil:
		return echo(b.TCPConn)
	}
	return echo(b.UnixConn)
})

type datagrams struct {
	Any net.PacketConn
	UDP *net.UDPConn
}

func TestPacketsTravel(t *testing.T) {
	q, err := mp.NewQueue[datagrams](0)
	require.NoError(t, err)
	defer q.Close()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	require.NoError(t, q.Put(t.Context(), datagrams{c, c}))
	require.NoError(t, c.Close())
	got, err := q.TryGet()
	require.NoError(t, err)
	defer got.Any.Close()
	defer got.UDP.Close()
	assert.Equal(t, c.LocalAddr(), got.UDP.LocalAddr())
	for _, to := range []net.PacketConn{got.Any, got.UDP} {
		_, err := got.UDP.WriteTo([]byte("packet"), got.Any.LocalAddr())
		require.NoError(t, err)
		require.NoError(t, to.SetReadDeadline(time.Now().Add(patience)))
		buf := make([]byte, 10)
		n, _, err := to.ReadFrom(buf)
		require.NoError(t, err)
		assert.Equal(t, "packet", string(buf[:n]))
	}
}

// A socket that is sent goes on as it was: it has deadlines, and is not blocking.
func TestTheSendersSocketGoesOn(t *testing.T) {
	l := listen(t, places(t)["tcp"])
	q, err := mp.NewQueue[net.Listener](0)
	require.NoError(t, err)
	defer q.Close()
	require.NoError(t, q.Put(t.Context(), l))
	got, err := q.TryGet()
	require.NoError(t, err)
	defer got.Close()
	for _, each := range []net.Listener{l, got, l} {
		require.NoError(t, each.(*net.TCPListener).SetDeadline(time.Now().Add(20*time.Millisecond)))
		_, err := each.Accept()
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
}

// bare is a connection without a descriptor.
type bare struct{ net.Conn }

func TestWhatDoesNotTravel(t *testing.T) {
	q, err := mp.NewQueue[bag](0)
	require.NoError(t, err)
	defer q.Close()
	l := listen(t, places(t)["tcp"])
	c := dial(t, l)
	for _, each := range []bag{{Conn: bare{c}}, {Conn: tls.Client(c, &tls.Config{})}, {Listener: tls.NewListener(l, &tls.Config{})}} {
		assert.ErrorIs(t, q.Put(t.Context(), each), mp.ErrNotShareable)
	}
	require.NoError(t, c.Close())
	require.NoError(t, l.Close())
	for what, each := range map[string]bag{"*net.TCPConn": {Conn: c}, "*net.TCPListener": {Listener: l}} {
		err := q.Put(t.Context(), each)
		assert.ErrorIs(t, err, net.ErrClosed)
		assert.ErrorContains(t, err, what+": "+net.ErrClosed.Error())
	}
	err = q.Put(t.Context(), bag{Conn: (*net.TCPConn)(nil)})
	assert.ErrorIs(t, err, syscall.EINVAL)
	assert.ErrorContains(t, err, "a nil *net.TCPConn")
	for what, each := range map[string]bag{
		"*net.UnixConn": {Conn: new(net.UnixConn)}, "*net.TCPListener": {Listener: new(net.TCPListener)}, " *net.UnixConn": {UnixConn: new(net.UnixConn)},
	} {
		err := q.Put(t.Context(), each)
		assert.ErrorIs(t, err, syscall.EINVAL)
		assert.ErrorContains(t, err, what+" that nobody has opened")
	}
	assert.Zero(t, q.Len())
	require.NoError(t, q.Put(t.Context(), bag{}))
	got, err := q.TryGet()
	require.NoError(t, err)
	assert.Equal(t, bag{}, got)
}

// What comes is of the type that is expected, or an error.
func TestWhatIsOfAnotherType(t *testing.T) {
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	defer a.Close()
	defer b.Close()
	l := listen(t, places(t)["tcp"])
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	for _, sent := range []any{l, r} {
		require.NoError(t, a.Send(t.Context(), sent))
		u, err := mp.Recv[*net.UnixListener](bounded(t), b)
		assert.Error(t, err)
		assert.Nil(t, u)
		require.NoError(t, a.Send(t.Context(), sent))
		_, err = mp.Recv[net.PacketConn](bounded(t), b)
		assert.Error(t, err)
	}
	require.NoError(t, a.Send(t.Context(), 7))
	_, err = mp.Recv[net.Listener](bounded(t), b)
	assert.Error(t, err)
}
