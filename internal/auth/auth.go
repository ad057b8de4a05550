// Package auth is how the two ends of a connection prove to each other that they have
// the same key, in the way of CPython's multiprocessing.connection.
//
// The end that has listened asks first: it sends a challenge, random bytes, and the
// other end answers with their HMAC under the key. Then the other one asks. The key
// itself never travels, and nobody who listens learns it. What this does not do is to
// protect what is sent afterwards: that takes TLS.
//
// # The two forms
//
// Each message is a length (32 bits, big endian) and as many bytes, at most 256.
//
//	                 CPython 3.12 and later                  CPython up to 3.11
//	challenge        "#CHALLENGE#{sha256}" + 40 random bytes "#CHALLENGE#" + 20 random bytes
//	answer           "{sha256}" + HMAC                       HMAC with MD5, 16 bytes
//	verdict          "#WELCOME#" or "#FAILURE#"              the same
//
// The HMAC is over all that follows "#CHALLENGE#". Old ends take a new challenge for
// bytes like any others, and answer it in their way. We always ask in the new way; the
// old answers, and old challenges, are taken and answered only with AllowMD5.
//
// # Errors
//
// No error has anything in it that was sent or received, let alone the key: who reads
// a log shall not get material to guess keys with.
package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// ErrAuthentication is matched by every error of a handshake, except those of a time
// limit: the keys differ, or the other end does not speak this protocol.
var ErrAuthentication = errors.New("authentication failed")

// The texts of the protocol, and its sizes in bytes.
const (
	challengeText = "#CHALLENGE#"
	welcomeText   = "#WELCOME#"
	failureText   = "#FAILURE#"

	challengeSize    = 40 // of the random bytes that we send
	oldChallengeSize = 20 // tells a challenge of the old form
	maxMessage       = 256
	headerSize       = 4
)

// Config is what both ends have to agree on.
type Config struct {
	Key      []byte // may be empty
	AllowMD5 bool
}

// Listener proves and demands the key as the end that has listened.
func Listener(rw io.ReadWriter, c Config) error {
	if err := c.ask(rw, &listening); err != nil {
		return err
	}
	return c.answer(rw, &listening)
}

// Dialer does it as the end that has dialled.
func Dialer(rw io.ReadWriter, c Config) error {
	if err := c.answer(rw, &dialling); err != nil {
		return err
	}
	return c.ask(rw, &dialling)
}

// A role has the challenges that one of the two ends, in all handshakes of this process,
// has sent and not judged the answer of.
//
// Only the other end ever answers one of them. If it comes back to the same end, in
// another handshake, somebody without the key passes it on: he would have one Dial
// prove to another what he cannot prove himself. A Dial to a Listener of its own process
// is nothing of the kind, so what is passed on from one end to the other is not seen.
type role struct{ asked sync.Map }

var listening, dialling role

// ask sends a challenge and judges the answer.
func (c Config) ask(rw io.ReadWriter, as *role) error {
	challenge := append([]byte("{"+ours+"}"), make([]byte, challengeSize)...)
	_, _ = rand.Read(challenge[len(challenge)-challengeSize:]) // never fails
	as.asked.Store(string(challenge), nil)
	defer as.asked.Delete(string(challenge))
	if err := send(rw, append([]byte(challengeText), challenge...)); err != nil {
		return err
	}
	answer, err := receive(rw, "the answer to a challenge")
	if err != nil {
		return err
	}
	if err := c.judge(challenge, answer); err != nil {
		_ = send(rw, []byte(failureText)) // who is gone need not know
		return err
	}
	return send(rw, []byte(welcomeText))
}

// judge says what is wrong with an answer.
func (c Config) judge(challenge, answer []byte) error {
	d, mac, err := c.digestOf(answer, md5Size)
	if err != nil {
		return err
	}
	if !hmac.Equal(mac, d.mac(c.Key, challenge)) {
		return refuse("the other end has another key")
	}
	return nil
}

// answer answers a challenge and waits for the verdict.
func (c Config) answer(rw io.ReadWriter, as *role) error {
	message, err := receive(rw, "a challenge")
	if err != nil {
		return err
	}
	challenge, ok := bytes.CutPrefix(message, []byte(challengeText))
	if !ok {
		return refuse("there is no challenge: the other end does not use a key, or is no listener of this kind")
	}
	if _, own := as.asked.Load(string(challenge)); own {
		return refuse("a challenge of this process comes back: the other end passes on what it cannot answer")
	}
	d, random, err := c.digestOf(challenge, oldChallengeSize)
	if err != nil {
		return err
	}
	if len(random) < oldChallengeSize {
		return refuse("a challenge that is too short")
	}
	mac := d.mac(c.Key, challenge)
	if d.name != "" {
		mac = append([]byte("{"+d.name+"}"), mac...)
	}
	if err := send(rw, mac); err != nil {
		return err
	}
	verdict, err := receive(rw, "the verdict")
	if err != nil {
		return err
	}
	if string(verdict) != welcomeText {
		return refuse("the other end has another key")
	}
	return nil
}

// IsChallenge says whether a message is one with which a listener begins.
func IsChallenge(msg []byte) bool { return bytes.HasPrefix(msg, []byte(challengeText)) }

// refuse is an ErrAuthentication with a reason.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrAuthentication, fmt.Sprintf(format, args...))
}

func send(w io.Writer, message []byte) error {
	out := binary.BigEndian.AppendUint32(make([]byte, 0, headerSize+len(message)), uint32(len(message)))
	if _, err := w.Write(append(out, message...)); err != nil {
		return broken("sending", err)
	}
	return nil
}

// receive takes one message. It reads no byte too many.
func receive(r io.Reader, what string) ([]byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, broken("waiting for "+what, err)
	}
	size := int32(binary.BigEndian.Uint32(header[:]))
	if size < 0 || size > maxMessage {
		return nil, refuse("%s of %d bytes: %d is the most", what, size, maxMessage)
	}
	message := make([]byte, size)
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, broken("in "+what, err)
	}
	return message, nil
}

// broken is the error of a connection that has ended, or run out of time.
func broken(where string, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("authentication: %s: %w", where, err)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the other end has given up
	}
	return fmt.Errorf("%w: %s: %w", ErrAuthentication, where, err)
}
