//go:build linux

package mp_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// message frames bytes as the protocol does.
func message(b string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// netDial connects to a listener without any protocol.
func netDial(t testing.TB, l *mp.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial(l.Addr().Network(), l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAUTH08_GarbageForAnAnswer(t *testing.T) {
	rejected := newRejections()
	l := listenAt(t, "tcp", mp.ListenConfig{Auth: goodKey, OnReject: rejected.tell})
	for _, garbage := range [][]byte{
		message(""), message("something bogus"), message(strings.Repeat("x", 256)), message(strings.Repeat("m", 16)),
		message("{sha256}" + strings.Repeat("x", 32)), message("{md5}" + strings.Repeat("x", 16)), message("{sha1}" + strings.Repeat("x", 20)),
		message(strings.Repeat("x", 257)), []byte("GET / HTTP/1.1\r\n\r\n"), {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'},
		{0x7f, 0xff, 0xff, 0xff}, {0x80, 0, 0, 0},
	} {
		c := netDial(t, l)
		_, err := c.Write(garbage)
		require.NoError(t, err)
		require.ErrorIs(t, rejected.next(t), mp.ErrAuthentication, "%q", garbage)
		_, err = io.Copy(io.Discard, c) // ends: it is closed
		if err != nil {
			require.ErrorIs(t, err, syscall.ECONNRESET)
		}
	}
	dialTo(t, l, mp.Dialer{Auth: goodKey})
	accepted(t, l)
}

func TestAUTH08_GarbageForAChallenge(t *testing.T) {
	fake, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer fake.Close()
	for _, garbage := range [][]byte{
		message(""), message("something bogus"), message("#CHALLENGE#"), message("#CHALLENGE#short"), message("#CHALLENGE#" + strings.Repeat("x", 20)),
		message("#CHALLENGE#{md5}" + strings.Repeat("x", 40)), message("#CHALLENGE#{sha1}" + strings.Repeat("x", 40)),
		message("#CHALLENGE#{sha256}" + strings.Repeat("x", 10)), message("#CHALLENGE#{rot13}" + strings.Repeat("x", 40)), message("#CHALLENGE#" + strings.Repeat("x", 245)),
		message("#CHALLENGE#" + strings.Repeat("x", 40)), {0xff, 0xff, 0xff, 0xfe}, []byte("HTTP/1.1 200 OK\r\n\r\n"), {},
		append(message("#CHALLENGE#{sha256}"+strings.Repeat("x", 40)), message("something bogus")...),
		append(message("#CHALLENGE#{sha256}"+strings.Repeat("x", 40)), message("#FAILURE#")...),
		// A listener that does not know the key, and hopes that we do not ask for it.
		append(message("#CHALLENGE#{sha256}"+strings.Repeat("x", 40)), message("#WELCOME#")...),
		// And one that answers it somehow.
		slices.Concat(message("#CHALLENGE#{sha256}"+strings.Repeat("x", 40)), message("#WELCOME#"), message("something bogus")),
		slices.Concat(message("#CHALLENGE#{sha256}"+strings.Repeat("x", 40)), message("#WELCOME#"), message("{sha256}"+strings.Repeat("x", 32))),
		slices.Concat(message("#CHALLENGE#{sha256}"+strings.Repeat("x", 40)), message("#WELCOME#"), message(strings.Repeat("m", 16))),
	} {
		go func() {
			c, err := fake.Accept()
			if err == nil {
				_, _ = c.Write(garbage)
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}
		}()
		_, err := (&mp.Dialer{Auth: goodKey}).Dial(bounded(t), "tcp", fake.Addr().String())
		require.ErrorIs(t, err, mp.ErrAuthentication, "%q", garbage)
	}
}

// nextMessage reads a message of the handshake.
func nextMessage(t testing.TB, r io.Reader) string {
	t.Helper()
	var size [4]byte
	_, err := io.ReadFull(r, size[:])
	require.NoError(t, err)
	n := binary.BigEndian.Uint32(size[:])
	require.LessOrEqual(t, n, uint32(256))
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	require.NoError(t, err)
	return string(text)
}

// answerTo is the right answer to a challenge.
func answerTo(challenge string, a *mp.Auth) string {
	mac := hmac.New(sha256.New, a.Key)
	mac.Write([]byte(strings.TrimPrefix(challenge, "#CHALLENGE#")))
	return "{sha256}" + string(mac.Sum(nil))
}

// A client that has the key, and sends nonsense when it is its turn to ask, is not let
// in, and the next one is served.
func TestAUTH08_GarbageForTheSecondChallenge(t *testing.T) {
	rejected := newRejections()
	l := listenAt(t, "unix", mp.ListenConfig{Auth: goodKey, OnReject: rejected.tell})
	for _, garbage := range []string{
		"", "something bogus", "#CHALLENGE#", "#CHALLENGE#{rot13}" + strings.Repeat("x", 40), "#WELCOME#", "#CHALLENGE#" + strings.Repeat("x", 20),
	} {
		c := netDial(t, l)
		challenge := nextMessage(t, c)
		_, err := c.Write(message(answerTo(challenge, goodKey)))
		require.NoError(t, err)
		require.Equal(t, "#WELCOME#", nextMessage(t, c))
		_, err = c.Write(message(garbage))
		require.NoError(t, err)
		require.ErrorIs(t, rejected.next(t), mp.ErrAuthentication, "%q", garbage)
		_, err = io.Copy(io.Discard, c)
		require.NoError(t, err)
	}
	dialTo(t, l, mp.Dialer{Auth: goodKey})
	accepted(t, l)
}

// The whole of the protocol, from both sides.
func TestAUTH09_TheDigestIsSHA256(t *testing.T) {
	isChallenge := func(text string) {
		t.Helper()
		assert.True(t, strings.HasPrefix(text, "#CHALLENGE#{sha256}"), "%q", text)
		assert.Len(t, text, len("#CHALLENGE#{sha256}")+40)
	}
	l := listenAt(t, "unix", mp.ListenConfig{Auth: goodKey, OnReject: func(mp.Addr, error) {}})
	c := netDial(t, l)
	theirs := nextMessage(t, c)
	isChallenge(theirs)
	assert.NotEqual(t, theirs, nextMessage(t, netDial(t, l)), "a challenge is never asked again")
	_, err := c.Write(message(answerTo(theirs, goodKey)))
	require.NoError(t, err)
	assert.Equal(t, "#WELCOME#", nextMessage(t, c))
	ours := "#CHALLENGE#{sha256}" + strings.Repeat("y", 40)
	_, err = c.Write(message(ours))
	require.NoError(t, err)
	assert.Equal(t, answerTo(ours, goodKey), nextMessage(t, c))
	_, err = c.Write(message("#WELCOME#"))
	require.NoError(t, err)
	accepted(t, l)

	fake, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer fake.Close()
	dialled := inBackground(t, func() error {
		c, err := (&mp.Dialer{Auth: goodKey}).Dial(bounded(t), "tcp", fake.Addr().String())
		if err == nil {
			err = c.Close()
		}
		return err
	})
	c, err = fake.Accept()
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write(message(ours))
	require.NoError(t, err)
	assert.Equal(t, answerTo(ours, goodKey), nextMessage(t, c))
	_, err = c.Write(message("#WELCOME#"))
	require.NoError(t, err)
	theirs = nextMessage(t, c)
	isChallenge(theirs)
	_, err = c.Write(message(answerTo(theirs, goodKey)))
	require.NoError(t, err)
	assert.Equal(t, "#WELCOME#", nextMessage(t, c))
	require.NoError(t, dialled())
}
