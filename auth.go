package mp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/multiproc/mp/internal/auth"
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/transport"
)

// An Auth is the key that both ends of a connection have to have, and prove to have
// before Dial or Accept returns it. The protocol is that of Python's
// multiprocessing.connection, where the key is called authkey.
//
// The key does not travel, and is not in any error. It protects against strangers, not
// against those who can read or change what goes over the network: use TLS as well. In
// particular, the protocol does not tell which holder of the key has answered: who takes
// over the address of a listener can pass challenges on from one to another.
//
// Give it to child processes in their argument, not in the command line or the
// environment, which others can read. AuthKey is one that they have already.
type Auth struct {
	// Key is the shared secret: any bytes, best 32 random ones. An empty slice is a key
	// like any other; nil is refused, so that a key that could not be read does not
	// open the door. Dial and Listen copy it: it may be wiped when they have returned.
	Key []byte `json:"-"`
	// AllowMD5 lets ends take part that know only HMAC-MD5, as Python does up to 3.11.
	// A Go program that talks to one of those needs it, be it that it listens or dials.
	AllowMD5 bool
}

var errNoKey = errors.New("Auth.Key is nil; leave Auth nil if there is to be no authentication")

func (a *Auth) check() error {
	if a != nil && a.Key == nil {
		return errNoKey
	}
	return nil
}

// clone returns a copy that the caller of Dial or Listen cannot change: whoever wipes its
// key is not to let in those who have an empty one.
func (a *Auth) clone() *Auth {
	if a == nil {
		return nil
	}
	return &Auth{Key: bytes.Clone(a.Key), AllowMD5: a.AllowMD5}
}

// Format never writes the key, whatever the verb.
func (a Auth) Format(f fmt.State, _ rune) {
	key := "unset"
	if a.Key != nil {
		key = "set"
	}
	fmt.Fprintf(f, "mp.Auth{Key: %s, AllowMD5: %t}", key, a.AllowMD5)
}

// String does not have the key in it.
func (a Auth) String() string { return fmt.Sprintf("%v", a) }

// GoString does not have the key in it.
func (a Auth) GoString() string { return fmt.Sprintf("%#v", a) }

// A TLS encrypts a connection. Package mptls makes one of a *tls.Config; it is not
// part of package mp because programs that do not use it should not have to carry it
// in each of their processes.
type TLS = transport.Security

// duplex is what a handshake needs of a carrier.
type duplex struct {
	io.Reader
	io.Writer
}

// welcome does all that comes before the first message: TLS, then the authentication.
// It ends with ctx, and closes the socket if it fails.
func welcome(ctx context.Context, s *socket.Conn, sec TLS, a *Auth, dialled bool, host string) (carrier transport.Carrier, err error) {
	carrier = s
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if sec != nil {
		if carrier, err = sec.Secure(ctx, s, dialled, host); err != nil {
			return nil, because(ctx, "TLS", err)
		}
	}
	if a == nil {
		return carrier, nil
	}
	prove := auth.Listener
	if dialled {
		prove = auth.Dialer
	}
	stop := socket.Until(ctx, func(t time.Time) error {
		return errors.Join(carrier.SetReadDeadline(t), carrier.SetWriteDeadline(t))
	})
	err = prove(duplex{carrier, carrier}, auth.Config{Key: a.Key, AllowMD5: a.AllowMD5})
	stop()
	if err != nil {
		return nil, because(ctx, "authentication", err)
	}
	return carrier, nil
}

// because prefers the end of the context to what that has caused.
func because(ctx context.Context, what string, err error) error {
	if ctx.Err() == nil || errors.Is(err, auth.ErrAuthentication) {
		return err
	}
	return fmt.Errorf("%s: the other end does not answer: %w", what, context.Cause(ctx))
}
