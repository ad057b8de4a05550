//go:build linux

package mp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/mptls"
)

// Peers that say nothing, say it slowly, or hang up half, do not delay the others, and
// are told when their time is over.
func TestListenerSilentAndSlowPeers(t *testing.T) {
	rejected := newRejections()
	const limit = 400 * time.Millisecond
	l := listenAt(t, "tcp", mp.ListenConfig{Auth: goodKey, OnReject: rejected.tell, HandshakeTimeout: limit})
	silent, slow, half := netDial(t, l), netDial(t, l), netDial(t, l)
	require.NoError(t, half.(*net.TCPConn).CloseWrite())
	var dripping sync.WaitGroup
	dripping.Go(func() {
		for range 1000 {
			if _, err := slow.Write([]byte{0}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	start := time.Now()
	for range 5 {
		dialTo(t, l, mp.Dialer{Auth: goodKey})
		accepted(t, l)
	}
	assert.Less(t, time.Since(start), patience)

	var late, gone int
	for range 3 {
		switch err := rejected.next(t); {
		case errors.Is(err, mp.ErrTimeout):
			late++
		case errors.Is(err, mp.ErrAuthentication):
			gone++
		default:
			require.NoError(t, err)
		}
	}
	assert.GreaterOrEqual(t, late, 1)
	assert.GreaterOrEqual(t, gone, 1)
	_, _ = io.Copy(io.Discard, silent) // ends: it was closed
	dripping.Wait()
}

// More silent peers than there is room for in the handshake.
func TestListenerMoreSilentPeersThanRoom(t *testing.T) {
	const silent = 1100
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur < 3*silent {
		t.Skip("too few descriptors are allowed")
	}
	rejected := newRejections()
	l := listenAt(t, "unix", mp.ListenConfig{Auth: goodKey, OnReject: rejected.tell})
	for range silent {
		netDial(t, l)
	}
	dialTo(t, l, mp.Dialer{Auth: goodKey})
	require.NoError(t, accepted(t, l).Close())
	require.Error(t, rejected.next(t))
}

func TestDialToASilentListener(t *testing.T) {
	fake, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer fake.Close()
	_, err = (&mp.Dialer{Auth: goodKey}).Dial(soon(t), "tcp", fake.Addr().String())
	require.ErrorIs(t, err, mp.ErrTimeout)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = (&mp.Dialer{Auth: goodKey}).Dial(ctx, "tcp", fake.Addr().String())
	require.ErrorIs(t, err, context.Canceled)
}

func TestDialWhereNobodyListens(t *testing.T) {
	l, err := (&mp.ListenConfig{}).Listen(bounded(t), "tcp", "localhost:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = (&mp.Dialer{}).Dial(bounded(t), "tcp", address)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestListenerOnAllAddresses(t *testing.T) {
	l, err := (&mp.ListenConfig{}).Listen(bounded(t), "tcp", ":0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	for _, host := range []string{"localhost", "127.0.0.1", ""} {
		c, err := (&mp.Dialer{Resolver: net.DefaultResolver}).Dial(bounded(t), "tcp", host+":"+port)
		require.NoError(t, err)
		require.NoError(t, accepted(t, l).Send(bounded(t), host))
		got, err := mp.Recv[string](bounded(t), c)
		require.NoError(t, err)
		assert.Equal(t, host, got)
		require.NoError(t, c.Close())
	}
}

func TestListenerAThousandAtOnce(t *testing.T) {
	const clients = 1000
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur < 3*clients {
		t.Skip("too few descriptors are allowed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 6*patience)
	defer cancel()
	for _, family := range []string{"unix", "tcp"} {
		t.Run(family, func(t *testing.T) {
			l := listenAt(t, family, mp.ListenConfig{Auth: goodKey, OnReject: func(_ mp.Addr, err error) { t.Error(err) }})
			var all sync.WaitGroup
			for i := range clients {
				all.Go(func() {
					c, err := (&mp.Dialer{Auth: goodKey}).Dial(ctx, l.Addr().Network(), l.Addr().String())
					if !assert.NoError(t, err) {
						return
					}
					defer c.Close()
					assert.NoError(t, c.Send(ctx, i))
					got, err := mp.Recv[int](ctx, c)
					assert.NoError(t, err)
					assert.Equal(t, i, got)
				})
			}
			for range clients {
				c, err := l.Accept(ctx)
				require.NoError(t, err)
				all.Go(func() {
					defer c.Close()
					i, err := mp.Recv[int](ctx, c)
					assert.NoError(t, err)
					assert.NoError(t, c.Send(ctx, i))
				})
			}
			all.Wait()
		})
	}
}

// fewDescriptors listens when no descriptor is left: the loop goes on when there are
// some again.
var fewDescriptors = mp.Action0(func(ctx context.Context) error {
	told := make(chan error, 1000)
	l, err := (&mp.ListenConfig{OnReject: func(_ mp.Addr, err error) { told <- err }}).Listen(ctx, "unix", "")
	if err != nil {
		return err
	}
	defer l.Close()
	say(l.Addr())
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	few := limit
	few.Cur = 3 // less than are open
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		return err
	}
	say("exhausted")
	if err := <-told; !errors.Is(err, syscall.EMFILE) {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	c, err := l.Accept(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Send(ctx, "better")
})

func TestListenerWithoutDescriptors(t *testing.T) {
	p, box := launchTalking(t, fewDescriptors.With(none))
	address := box.next(t)
	require.Equal(t, "exhausted", box.next(t))
	c, err := (&mp.Dialer{}).Dial(bounded(t), "unix", address)
	require.NoError(t, err)
	defer c.Close()
	got, err := mp.Recv[string](bounded(t), c)
	require.NoError(t, err)
	assert.Equal(t, "better", got)
	require.NoError(t, join(t, p))
}

// keepDoor listens with room for a few dozen descriptors.
var keepDoor = mp.Action0(func(ctx context.Context) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
		return err
	}
	l, err := (&mp.ListenConfig{Auth: goodKey}).Listen(ctx, "unix", "")
	if err != nil {
		return err
	}
	defer l.Close()
	say(l.Addr())
	c, err := l.Accept(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Send(ctx, "come in")
})

func TestListenerMoreSilentPeersThanDescriptors(t *testing.T) {
	p, box := launchTalking(t, keepDoor.With(none))
	address := box.next(t)
	for range 100 {
		peer, err := net.Dial("unix", address)
		require.NoError(t, err)
		defer peer.Close()
	}
	c, err := (&mp.Dialer{Auth: goodKey}).Dial(bounded(t), "unix", address)
	require.NoError(t, err)
	defer c.Close()
	got, err := mp.Recv[string](bounded(t), c)
	require.NoError(t, err)
	assert.Equal(t, "come in", got)
	require.NoError(t, join(t, p))
}

// Who promises too much may never send it: the refusal does not wait for that.
func TestConnARefusalComesAtOnce(t *testing.T) {
	l := listenAt(t, "unix", mp.ListenConfig{})
	peer := netDial(t, l)
	c := accepted(t, l)
	_, err := peer.Write([]byte("\x00\x00\x00\x14ten bytes "))
	require.NoError(t, err)
	var tooLong *mp.MessageTooLongError
	_, err = c.RecvBytes(bounded(t), 15)
	require.ErrorAs(t, err, &tooLong)
	_, err = peer.Write([]byte("and ten...\x00\x00\x00\x02ok"))
	require.NoError(t, err)
	got, err := c.RecvBytes(bounded(t), 15)
	require.NoError(t, err)
	assert.Equal(t, "ok", string(got))
}

func TestConnGarbageLengths(t *testing.T) {
	for _, garbage := range []string{"\x80\x00\x00\x00", "\xff\xff\xff\xfe", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		l := listenAt(t, "unix", mp.ListenConfig{})
		peer := netDial(t, l)
		c := accepted(t, l)
		_, err := peer.Write([]byte(garbage + "and more"))
		require.NoError(t, err)
		for range 2 {
			_, err = c.RecvBytes(bounded(t), 0)
			require.ErrorIs(t, err, mp.ErrBrokenFraming)
		}
		ready, err := c.Poll(bounded(t))
		require.NoError(t, err)
		assert.True(t, ready)
		require.NoError(t, c.SendBytes(bounded(t), []byte("sending still works")))
	}
}

// A length of many gigabytes costs what has arrived, not what was promised.
func TestConnPromisedLengths(t *testing.T) {
	l := listenAt(t, "unix", mp.ListenConfig{})
	for _, promise := range []string{"\x7f\xff\xff\xff", "\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff"} {
		peer := netDial(t, l)
		c := accepted(t, l)
		_, err := peer.Write([]byte(promise + "ten bytes."))
		require.NoError(t, err)
		require.NoError(t, peer.Close())
		_, err = c.RecvBytes(bounded(t), 0)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		_, err = mp.Recv[string](bounded(t), c)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		_, err = c.RecvBytesInto(bounded(t), nil)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
}

func TestConnTornMessages(t *testing.T) {
	l := listenAt(t, "tcp", mp.ListenConfig{})
	for _, torn := range []string{"\x00", "\x00\x00\x00", "\x00\x00\x00\x05", "\x00\x00\x00\x05abcd", "\xff\xff\xff\xff\x00"} {
		peer := netDial(t, l)
		c := accepted(t, l)
		_, err := peer.Write([]byte("\x00\x00\x00\x02ok" + torn))
		require.NoError(t, err)
		require.NoError(t, peer.Close())
		got, err := c.RecvBytes(bounded(t), 0)
		require.NoError(t, err)
		assert.Equal(t, "ok", string(got))
		for range 2 {
			_, err = c.RecvBytes(bounded(t), 0)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.NotErrorIs(t, err, io.EOF)
		}
	}
}

// certificate makes one for a host, and the pool that trusts it.
func certificate(t *testing.T, host string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func TestConnTLS(t *testing.T) {
	server, roots := certificate(t, "localhost")
	rejected := newRejections()
	l := listenAt(t, "tcp", mp.ListenConfig{Auth: goodKey, TLS: mptls.New(server), OnReject: rejected.tell})
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	secure := mp.Dialer{Auth: goodKey, TLS: mptls.New(&tls.Config{RootCAs: roots})}

	b, err := secure.Dial(bounded(t), "tcp", "localhost:"+port)
	require.NoError(t, err)
	defer b.Close()
	a := accepted(t, l)
	require.ErrorIs(t, a.Recv(soon(t), new(int)), mp.ErrTimeout)
	ready, err := a.Poll(soon(t))
	assert.False(t, ready)
	require.ErrorIs(t, err, mp.ErrTimeout)

	msg := noise(8 << 20)
	err = b.SendBytes(soon(t), msg)
	require.ErrorIs(t, err, mp.ErrUnderway)
	ready, err = a.Poll(bounded(t))
	require.NoError(t, err)
	require.True(t, ready)
	got, err := a.RecvBytes(bounded(t), 1)
	var long *mp.MessageTooLongError
	require.ErrorAs(t, err, &long, "%d", len(got))
	go func() { _ = b.SendBytes(context.Background(), msg) }()
	got, err = a.RecvBytes(bounded(t), 0)
	require.NoError(t, err)
	require.Equal(t, msg, got)
	_, err = a.SyscallConn()
	require.Error(t, err)
	_, err = a.File(bounded(t))
	require.Error(t, err)
	require.NoError(t, b.Close())
	require.ErrorIs(t, a.Recv(bounded(t), new(int)), io.EOF)
	require.ErrorIs(t, b.Recv(bounded(t), new(int)), mp.ErrClosed)

	var wrongHost *tls.CertificateVerificationError
	_, err = secure.Dial(bounded(t), "tcp", "127.0.0.1:"+port)
	require.ErrorAs(t, err, &wrongHost)
	require.Error(t, rejected.next(t))
	_, err = (&mp.Dialer{Auth: goodKey}).Dial(soon(t), "tcp", "localhost:"+port)
	require.Error(t, err)
	require.Error(t, rejected.next(t))
	_, err = (&mp.Dialer{Auth: &mp.Auth{Key: []byte("x")}, TLS: secure.TLS}).Dial(bounded(t), "tcp", "localhost:"+port)
	require.ErrorIs(t, err, mp.ErrAuthentication)
	require.ErrorIs(t, rejected.next(t), mp.ErrAuthentication)
}
