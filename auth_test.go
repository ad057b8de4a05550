//go:build linux

package mp_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

var goodKey = &mp.Auth{Key: []byte("correct horse battery staple")}

func TestAUTH01_TheAddressIsInUse(t *testing.T) {
	for family := range families {
		t.Run(family, func(t *testing.T) {
			l := listenAt(t, family, mp.ListenConfig{})
			_, err := (&mp.ListenConfig{}).Listen(bounded(t), l.Addr().Network(), l.Addr().String())
			require.ErrorIs(t, err, syscall.EADDRINUSE)
			require.NoError(t, dialTo(t, l, mp.Dialer{}).Close(), "the first one goes on")
		})
	}
}

// place is where a child is to connect to.
type place struct {
	Network, Address string
	Auth             *mp.Auth
}

var echoOnce = mp.Action(func(ctx context.Context, p place) error {
	c, err := (&mp.Dialer{Auth: p.Auth}).Dial(ctx, p.Network, p.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	text, err := mp.Recv[string](ctx, c)
	if err != nil {
		return err
	}
	return c.Send(ctx, text+" "+text)
})

func TestAUTH02_ListenerAndClient(t *testing.T) {
	for family := range families {
		t.Run(family, func(t *testing.T) {
			l := listenAt(t, family, mp.ListenConfig{Auth: goodKey})
			p := launch(t, echoOnce.With(place{l.Addr().Network(), l.Addr().String(), goodKey}))
			c := accepted(t, l)
			require.NoError(t, c.Send(bounded(t), "hello"))
			got, err := mp.Recv[string](bounded(t), c)
			require.NoError(t, err)
			assert.Equal(t, "hello hello", got)
			require.ErrorIs(t, c.Recv(bounded(t), &got), io.EOF)
			require.NoError(t, join(t, p))

			require.NoError(t, l.Close())
			require.NoError(t, l.Close())
			_, err = l.Accept(bounded(t))
			require.ErrorIs(t, err, mp.ErrClosed)
		})
	}
	for _, l := range []*mp.Listener{nil, {}} {
		_, err := l.Accept(bounded(t))
		require.Error(t, err)
		_, err = l.SyscallConn()
		require.Error(t, err)
		require.NoError(t, l.Close())
		require.Zero(t, l.Addr())
	}
}

func TestAUTH02_CloseEndsAccept(t *testing.T) {
	l := listenAt(t, "tcp", mp.ListenConfig{})
	_, err := l.Accept(soon(t))
	require.ErrorIs(t, err, mp.ErrTimeout)
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept(context.Background())
		ended <- err
	}()
	unseen := dialTo(t, l, mp.Dialer{}) // may be accepted, or not
	_ = unseen.Close()
	err = <-ended
	go func() {
		_, err := l.Accept(context.Background())
		ended <- err
	}()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-ended, mp.ErrClosed)
}

func TestAUTH03_AbstractAddresses(t *testing.T) {
	for _, first := range []string{"\x00", "@"} {
		name := fmt.Sprintf("mp-test-%d-%x", os.Getpid(), time.Now().UnixNano())
		l, err := (&mp.ListenConfig{Auth: goodKey}).Listen(bounded(t), "unix", first+name)
		require.NoError(t, err)
		defer l.Close()
		assert.Equal(t, "@"+name, l.Addr().String())
		for _, address := range []string{"\x00" + name, "@" + name} {
			c, err := (&mp.Dialer{Auth: goodKey}).Dial(bounded(t), "unix", address)
			require.NoError(t, err)
			defer c.Close()
			require.NoError(t, accepted(t, l).Send(bounded(t), 1))
			require.NoError(t, c.Recv(bounded(t), new(int)))
		}
		_, err = os.Lstat("@" + name)
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
}

func TestAUTH04_TheClientHasGoneBeforeAccept(t *testing.T) {
	for family := range families {
		t.Run(family, func(t *testing.T) {
			for _, auth := range []*mp.Auth{nil, goodKey} {
				l := listenAt(t, family, mp.ListenConfig{Auth: auth})
				client := dialTo(t, l, mp.Dialer{Auth: auth})
				require.NoError(t, client.Send(bounded(t), "hello"))
				require.NoError(t, client.Close())
				time.Sleep(50 * time.Millisecond)
				c := accepted(t, l)
				got, err := mp.Recv[string](bounded(t), c)
				require.NoError(t, err)
				assert.Equal(t, "hello", got)
				require.ErrorIs(t, c.Recv(bounded(t), &got), io.EOF)
			}
		})
	}
}

func TestAUTH05_Poll(t *testing.T) {
	for family := range families {
		t.Run(family, func(t *testing.T) {
			l := listenAt(t, family, mp.ListenConfig{Auth: goodKey})
			client := dialTo(t, l, mp.Dialer{Auth: goodKey})
			server := accepted(t, l)
			for _, pair := range [][2]*mp.Conn{{client, server}, {server, client}} {
				ready, _ := pair[1].Poll(soon(t))
				assert.False(t, ready)
				require.NoError(t, pair[0].Send(bounded(t), "x"))
				ready, err := pair[1].Poll(bounded(t))
				require.NoError(t, err)
				assert.True(t, ready)
			}
		})
	}
}

func TestAUTH06_NonsensicalAddresses(t *testing.T) {
	for _, a := range [][2]string{
		{"unix", strings.Repeat("x", 200)}, {"unix", "a\x00b"}, {"unix", "@"}, {"unix", "\x00"},
		{"tcp", "nowhere"}, {"tcp", "1.2.3.4:port"}, {"tcp", "1.2.3.4:70000"}, {"tcp", "::1:80"}, {"tcp", "[::1:80"},
		{"tcp4", "[::1]:80"}, {"tcp6", "127.0.0.1:80"}, {"tcp", ""}, {"tcp", "no-such-host.invalid:80"},
		{"udp", "127.0.0.1:0"}, {"", ""}, {"pipe", "x"},
	} {
		_, err := (&mp.ListenConfig{}).Listen(bounded(t), a[0], a[1])
		require.ErrorIs(t, err, mp.ErrAddress, "%q", a)
		_, err = (&mp.Dialer{}).Dial(bounded(t), a[0], a[1])
		require.ErrorIs(t, err, mp.ErrAddress, "%q", a)
	}
	_, err := (&mp.Dialer{}).Dial(bounded(t), "unix", "")
	require.ErrorIs(t, err, mp.ErrAddress)
	_, err = (&mp.ListenConfig{}).Listen(bounded(t), "unix", "/no/such/directory/x")
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, lc := range []mp.ListenConfig{{Auth: &mp.Auth{}}, {MaxMessage: -1}, {Backlog: -1}, {HandshakeTimeout: -1}} {
		_, err := lc.Listen(bounded(t), "unix", "")
		require.Error(t, err)
	}
	for _, d := range []mp.Dialer{{Auth: &mp.Auth{}}, {MaxMessage: -1}} {
		_, err := d.Dial(bounded(t), "unix", "/x")
		require.NotErrorIs(t, err, fs.ErrNotExist)
		require.Error(t, err)
	}
	_, err = (&mp.ListenConfig{}).Listen(pastContext(), "unix", "")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = (&mp.Dialer{}).Dial(pastContext(), "unix", "/x")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAUTH07_AnEmptyKeyIsAKey(t *testing.T) {
	empty := &mp.Auth{Key: []byte{}}
	rejected := newRejections()
	l := listenAt(t, "unix", mp.ListenConfig{Auth: empty, OnReject: rejected.tell})
	c := dialTo(t, l, mp.Dialer{Auth: empty})
	require.NoError(t, c.Send(bounded(t), 1))
	require.NoError(t, accepted(t, l).Recv(bounded(t), new(int)))

	_, err := (&mp.Dialer{Auth: goodKey}).Dial(bounded(t), "unix", l.Addr().String())
	require.ErrorIs(t, err, mp.ErrAuthentication)
	require.ErrorIs(t, rejected.next(t), mp.ErrAuthentication)
	none := dialTo(t, l, mp.Dialer{})
	challenge, err := none.RecvBytes(bounded(t), 0)
	require.NoError(t, err)
	assert.True(t, bytes.HasPrefix(challenge, []byte("#CHALLENGE#")), "who has no key gets no connection")
	require.NoError(t, none.Close())
	require.ErrorIs(t, rejected.next(t), mp.ErrAuthentication)

	open := listenAt(t, "unix", mp.ListenConfig{})
	_, err = (&mp.Dialer{Auth: empty}).Dial(soon(t), "unix", open.Addr().String())
	require.ErrorIs(t, err, mp.ErrTimeout, "who has a key gets no connection to one who asks for none")
	assert.NotErrorIs(t, err, mp.ErrAuthentication)
}

func TestAUTH08_WrongThenRight(t *testing.T) {
	for family := range families {
		t.Run(family, func(t *testing.T) {
			rejected := newRejections()
			l := listenAt(t, family, mp.ListenConfig{Auth: goodKey, OnReject: rejected.tell})
			_, err := (&mp.Dialer{Auth: &mp.Auth{Key: []byte("wrong")}}).Dial(bounded(t), l.Addr().Network(), l.Addr().String())
			require.ErrorIs(t, err, mp.ErrAuthentication)
			require.ErrorIs(t, rejected.next(t), mp.ErrAuthentication)
			c := dialTo(t, l, mp.Dialer{Auth: goodKey})
			require.NoError(t, accepted(t, l).Send(bounded(t), 1))
			require.NoError(t, c.Recv(bounded(t), new(int)))
		})
	}
}

func TestAUTH10_SignalsDoNotDisturb(t *testing.T) {
	signals := make(chan os.Signal, 100)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	l := listenAt(t, "unix", mp.ListenConfig{Auth: goodKey})
	began := make(chan struct{})
	got := inBackground(t, func() error {
		close(began)
		c, err := l.Accept(context.Background())
		if err == nil {
			err = c.Close()
		}
		return err
	})
	<-began
	for range 20 {
		require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGUSR1))
		<-signals
	}
	// Some more while the handshake runs.
	stop := make(chan struct{})
	var storm sync.WaitGroup
	storm.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-signals:
			default:
				_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
			}
		}
	})
	dialTo(t, l, mp.Dialer{Auth: goodKey})
	require.NoError(t, got())
	close(stop)
	storm.Wait()
}

func TestAUTH11_ThePathGoesWithTheListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	for _, address := range []string{path, ""} {
		l, err := (&mp.ListenConfig{}).Listen(bounded(t), "unix", address)
		require.NoError(t, err)
		made := l.Addr().String()
		info, err := os.Lstat(made)
		require.NoError(t, err)
		assert.Equal(t, fs.ModeSocket|0o600, info.Mode())
		if address == "" {
			dir, err := os.Lstat(filepath.Dir(made))
			require.NoError(t, err)
			assert.Equal(t, fs.ModeDir|0o700, dir.Mode())
		}
		client := dialTo(t, l, mp.Dialer{})
		server := accepted(t, l)
		assert.Equal(t, l.Addr(), client.RemoteAddr())
		require.NoError(t, l.Close())
		_, err = os.Lstat(made)
		require.ErrorIs(t, err, fs.ErrNotExist)
		if address == "" {
			_, err = os.Lstat(filepath.Dir(made))
			require.ErrorIs(t, err, fs.ErrNotExist)
		}
		_, err = (&mp.Dialer{}).Dial(bounded(t), "unix", made)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, client.Send(bounded(t), 1), "connections go on")
		require.NoError(t, server.Recv(bounded(t), new(int)))
	}
}

func TestAUTH11_AnotherFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := (&mp.ListenConfig{}).Listen(bounded(t), "unix", path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, l.Close())
	_, err = os.Lstat(path)
	require.NoError(t, err)
}

// What Python calls last_accepted is an address of the connection.
func TestAUTH11_WhoWasAccepted(t *testing.T) {
	server, client := connPair(t, "tcp")
	assert.Equal(t, client.LocalAddr(), server.RemoteAddr())
	assert.NotEmpty(t, server.RemoteAddr().String())
	server, _ = connPair(t, "unix")
	assert.Equal(t, "unix", server.RemoteAddr().Network())
	assert.Empty(t, server.RemoteAddr().String(), "who dials a unix socket has no address")
}

// The umask belongs to the whole process: this test cannot run beside others.
func TestAUTH11_WhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o077, 0o777} {
		for perm, any := range map[fs.FileMode]bool{0o600: false, 0o666: true} {
			path := filepath.Join(t.TempDir(), "socket")
			old := syscall.Umask(mask)
			l, err := (&mp.ListenConfig{AnyUser: any}).Listen(bounded(t), "unix", path)
			syscall.Umask(old)
			require.NoError(t, err)
			info, err := os.Lstat(path)
			require.NoError(t, err)
			assert.Equal(t, perm, info.Mode().Perm(), "umask %o", mask)
			require.NoError(t, l.Close())
		}
	}
}

var readHanded = mp.Action0(func(ctx context.Context) error {
	c, err := mp.FileConn(os.NewFile(4, "connection"))
	if err != nil {
		return err
	}
	defer c.Close()
	text, err := mp.Recv[string](ctx, c)
	if err != nil {
		return err
	}
	say(text)
	return c.Send(ctx, "from "+fmt.Sprint(os.Getpid()))
})

func TestAUTH12_AnAcceptedConnectionIsHandedOver(t *testing.T) {
	for family := range families {
		t.Run(family, func(t *testing.T) {
			l := listenAt(t, family, mp.ListenConfig{Auth: goodKey})
			client := dialTo(t, l, mp.Dialer{Auth: goodKey})
			server := accepted(t, l)
			require.NoError(t, client.Send(bounded(t), "for whoever reads it"))
			f, err := server.File(bounded(t))
			require.NoError(t, err)
			p, box := launchTalking(t, readHanded.With(none), func(p *mp.Process) { p.ExtraFiles = append(p.ExtraFiles, f) })
			require.NoError(t, f.Close())
			require.NoError(t, server.Close())
			assert.Equal(t, "for whoever reads it", box.next(t))
			got, err := mp.Recv[string](bounded(t), client)
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprint("from ", p.PID()), got)
			require.NoError(t, join(t, p))
			require.ErrorIs(t, client.Recv(bounded(t), &got), io.EOF)
		})
	}
}

// Who dials a listener that wants a key, and has none, learns that from its first Recv.
func TestAListenerAsksInVainForAKey(t *testing.T) {
	l := listenAt(t, "unix", mp.ListenConfig{Auth: goodKey})
	for _, v := range []any{new(int), new(string), new([]byte), new(struct{ A, B int }), new(any)} {
		err := dialTo(t, l, mp.Dialer{}).Recv(bounded(t), v)
		assert.ErrorIs(t, err, mp.ErrAuthentication, "%T", v)
		assert.EqualError(t, err, "mp: Conn.Recv: authentication failed: the listener asks for a key: set Dialer.Auth")
	}
	server, client := connPair(t, "unix")
	require.NoError(t, client.SendBytes(bounded(t), []byte("#CHALLENGE#")))
	err := server.Recv(bounded(t), new(int))
	require.Error(t, err)
	assert.NotErrorIs(t, err, mp.ErrAuthentication, "who has accepted has not been asked")
}
