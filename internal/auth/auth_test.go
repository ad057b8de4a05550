package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// two runs both sides of a handshake.
func two(listener, dialer func(io.ReadWriter) error) (l, d error) {
	fromDialer, toListener := io.Pipe()
	fromListener, toDialer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := listener(pair{fromDialer, toDialer})
		toDialer.Close()
		fromDialer.Close()
		ended <- err
	}()
	d = dialer(pair{fromListener, toListener})
	toListener.Close()
	fromListener.Close()
	return <-ended, d
}

type pair struct {
	io.Reader
	io.Writer
}

func side(f func(io.ReadWriter, Config) error, c Config) func(io.ReadWriter) error {
	return func(rw io.ReadWriter) error { return f(rw, c) }
}

func TestBothHaveTheKey(t *testing.T) {
	for _, key := range []string{"", "k", string(make([]byte, 1000))} {
		l, d := two(side(Listener, Config{Key: []byte(key)}), side(Dialer, Config{Key: []byte(key), AllowMD5: true}))
		require.NoError(t, l)
		require.NoError(t, d)
	}
}

func TestTheKeysDiffer(t *testing.T) {
	l, d := two(side(Listener, Config{Key: []byte("a")}), side(Dialer, Config{Key: []byte("b")}))
	assert.ErrorIs(t, l, ErrAuthentication)
	assert.ErrorIs(t, d, ErrAuthentication)
	assert.EqualError(t, d, "authentication failed: the other end has another key")
}

// oldAnswer and oldAsk are an end of the old form, as the protocol describes it.
func oldAnswer(key string) func(io.ReadWriter) error {
	return func(rw io.ReadWriter) error {
		m, err := receive(rw, "challenge")
		if err != nil {
			return err
		}
		h := hmac.New(md5.New, []byte(key))
		h.Write(m[len(challengeText):])
		if err := send(rw, h.Sum(nil)); err != nil {
			return err
		}
		v, err := receive(rw, "verdict")
		if err == nil && string(v) != welcomeText {
			err = errors.New("not welcome")
		}
		return err
	}
}

func oldAsk(key string) func(io.ReadWriter) error {
	return func(rw io.ReadWriter) error {
		random := []byte("twenty bytes, random")
		if err := send(rw, append([]byte(challengeText), random...)); err != nil {
			return err
		}
		answer, err := receive(rw, "answer")
		if err != nil {
			return err
		}
		h := hmac.New(md5.New, []byte(key))
		h.Write(random)
		if !hmac.Equal(answer, h.Sum(nil)) {
			_ = send(rw, []byte(failureText))
			return errors.New("wrong answer")
		}
		return send(rw, []byte(welcomeText))
	}
}

func then(first, second func(io.ReadWriter) error) func(io.ReadWriter) error {
	return func(rw io.ReadWriter) error {
		if err := first(rw); err != nil {
			return err
		}
		return second(rw)
	}
}

func TestTheOldForm(t *testing.T) {
	old := func(ours func(io.ReadWriter) error, listen bool) (error, error) {
		if listen {
			return two(ours, then(oldAnswer("k"), oldAsk("k")))
		}
		theirs, mine := two(then(oldAsk("k"), oldAnswer("k")), ours)
		return mine, theirs
	}
	for _, listen := range []bool{true, false} {
		role := Dialer
		if listen {
			role = Listener
		}
		ours, theirs := old(side(role, Config{Key: []byte("k"), AllowMD5: true}), listen)
		require.NoError(t, ours)
		require.NoError(t, theirs)
		ours, theirs = old(side(role, Config{Key: []byte("k")}), listen)
		require.ErrorIs(t, ours, ErrAuthentication)
		require.ErrorContains(t, ours, "AllowMD5")
		require.Error(t, theirs)
		ours, theirs = old(side(role, Config{Key: []byte("other"), AllowMD5: true}), listen)
		require.ErrorIs(t, ours, ErrAuthentication)
		require.Error(t, theirs)
	}
}

// All digests that CPython knows, and their names, are answered under that name; the
// MAC is over the name too, so that nobody can change it on the way.
func TestDigests(t *testing.T) {
	c := Config{Key: []byte("k")}
	for name, size := range map[string]int{"sha256": 32, "sha384": 48, "sha3_256": 32, "sha3_384": 48} {
		challenge := []byte("{" + name + "}" + string(make([]byte, challengeSize)))
		d, rest, err := c.digestOf(challenge, oldChallengeSize)
		require.NoError(t, err)
		assert.Equal(t, name, d.name)
		assert.Len(t, rest, challengeSize)
		mac := d.mac(c.Key, challenge)
		assert.Len(t, mac, size)
		require.NoError(t, c.judge(challenge, append([]byte("{"+name+"}"), mac...)))
		require.ErrorIs(t, c.judge(challenge, mac), ErrAuthentication, "without its name")
		other := append([]byte("{"+name+"}"), d.mac(c.Key, rest)...)
		require.ErrorIs(t, c.judge(challenge, other), ErrAuthentication, "the MAC of the random bytes alone")
	}
	for _, bad := range []string{"", "{", "{}", "{md5}x", "{sha1}x", "{SHA256}x", "sha256", "{sha256", "{" + string(make([]byte, 100)) + "}"} {
		_, _, err := c.digestOf([]byte(bad), oldChallengeSize)
		require.ErrorIs(t, err, ErrAuthentication, "%q", bad)
	}
	c.AllowMD5 = true
	_, _, err := c.digestOf([]byte("{md5}x"), oldChallengeSize)
	require.NoError(t, err)
}

func TestATimeLimitIsNoRefusal(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	require.NoError(t, r.SetReadDeadline(time.Now().Add(time.Millisecond)))
	err = Dialer(pair{r, io.Discard}, Config{Key: []byte("k")})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NotErrorIs(t, err, ErrAuthentication)
}

// FuzzDialer and FuzzListener read anything: without the key it is refused, with at
// most a few messages read.
func FuzzDialer(f *testing.F)   { fuzz(f, Dialer) }
func FuzzListener(f *testing.F) { fuzz(f, Listener) }

func fuzz(f *testing.F, role func(io.ReadWriter, Config) error) {
	framed := func(messages ...string) (out []byte) {
		for _, m := range messages {
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(m))), m...)
		}
		return out
	}
	random := string(make([]byte, challengeSize))
	f.Add([]byte{}, false)
	f.Add(framed("#CHALLENGE#{sha256}"+random, "#WELCOME#", "{sha256}"+random[:32]), false)
	f.Add(framed("#CHALLENGE#"+random[:20], "#WELCOME#", random[:16]), true)
	f.Add(framed("{sha256}"+random[:32], "#CHALLENGE#{sha3_384}"+random), true)
	f.Add(framed(random[:16], "#CHALLENGE#"+random[:20], "#FAILURE#"), true)
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x05hello"), false)
	f.Fuzz(func(t *testing.T, in []byte, md5 bool) {
		r := bytes.NewReader(in)
		err := role(pair{r, io.Discard}, Config{Key: []byte("the fuzzer does not have this key"), AllowMD5: md5})
		require.ErrorIs(t, err, ErrAuthentication)
		assert.LessOrEqual(t, len(in)-r.Len(), 3*(headerSize+maxMessage))
	})
}

// A false listener, which has no key, passes the challenge of one Dial on to another of
// the same process.
func TestAChallengeThatComesBack(t *testing.T) {
	c := Config{Key: []byte("key"), AllowMD5: true}
	var second error
	_, first := two(func(rw io.ReadWriter) error {
		foreign := append([]byte(challengeText), make([]byte, oldChallengeSize)...)
		if err := send(rw, foreign); err != nil {
			return err
		}
		if _, err := receive(rw, "its answer"); err != nil {
			return err
		}
		if err := send(rw, []byte(welcomeText)); err != nil {
			return err
		}
		challenge, err := receive(rw, "its challenge")
		if err != nil {
			return err
		}
		var answer []byte
		_, second = two(func(rw io.ReadWriter) (err error) {
			if err = send(rw, challenge); err == nil {
				answer, err = receive(rw, "the answer of the other one")
			}
			return err
		}, side(Dialer, c))
		if err = send(rw, answer); err == nil {
			_, err = receive(rw, "the verdict")
		}
		return err
	}, side(Dialer, c))
	require.ErrorIs(t, first, ErrAuthentication)
	require.ErrorIs(t, second, ErrAuthentication)
	assert.ErrorContains(t, second, "comes back")
}
