//go:build linux

package mp_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// families are a network and an address to listen at, of each kind.
var families = map[string][2]string{
	"unix":     {"unix", ""},
	"abstract": {"unix", "@"},
	"tcp":      {"tcp", "127.0.0.1:0"},
}

// listenAt listens at one of the families' addresses until the end of the test.
func listenAt(t testing.TB, family string, lc mp.ListenConfig) *mp.Listener {
	t.Helper()
	network, address := families[family][0], families[family][1]
	if address == "@" {
		address = "@mp-test-" + t.Name() + time.Now().Format("150405.000000000")
		if len(address) > 100 {
			address = "@" + address[len(address)-100:]
		}
	}
	l, err := lc.Listen(bounded(t), network, address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// dialTo connects to a listener.
func dialTo(t testing.TB, l *mp.Listener, d mp.Dialer) *mp.Conn {
	t.Helper()
	c, err := d.Dial(bounded(t), l.Addr().Network(), l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// accepted takes the next connection.
func accepted(t testing.TB, l *mp.Listener) *mp.Conn {
	t.Helper()
	c, err := l.Accept(bounded(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// connPair returns both ends of a connection.
func connPair(t testing.TB, family string) (server, client *mp.Conn) {
	t.Helper()
	l := listenAt(t, family, mp.ListenConfig{})
	client = dialTo(t, l, mp.Dialer{})
	return accepted(t, l), client
}

// eachKind runs a test with both ends of a connection of each family, and of a pipe.
func eachKind(t *testing.T, test func(t *testing.T, a, b *mp.Conn)) {
	eachFamily(t, test)
	t.Run("pipe", func(t *testing.T) {
		a, b := pipePair(t)
		test(t, a, b)
	})
}

// pipePair returns both ends of a pipe.
func pipePair(t testing.TB) (a, b *mp.Conn) {
	t.Helper()
	a, b, err := mp.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	return a, b
}

// eachFamily runs a test with both ends of a connection over a socket of each family.
func eachFamily(t *testing.T, test func(t *testing.T, a, b *mp.Conn)) {
	for family := range families {
		t.Run(family, func(t *testing.T) {
			a, b := connPair(t, family)
			test(t, a, b)
		})
	}
}

// soon is a context that ends after a moment.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// pastContext is one that has ended.
func pastContext() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	return ctx
}

// rejections collects what OnReject is told.
type rejections chan error

func newRejections() rejections { return make(rejections, 10000) }

func (r rejections) tell(_ mp.Addr, err error) { r <- err }

// next returns the next one.
func (r rejections) next(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r:
		return err
	case <-time.After(patience):
		require.Fail(t, "nobody was rejected")
		return nil
	}
}
