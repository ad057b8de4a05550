package mp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/multiproc/mp/internal/socket"
)

// dialTime bounds Dial where its context does not.
const dialTime = 20 * time.Second

// A Resolver finds the addresses of hosts, by its only method
//
//	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
//
// *net.Resolver is one.
type Resolver = socket.Resolver

// A Dialer connects to a Listener, of this package or of Python's
// multiprocessing.connection. The zero value connects to one that wants no key.
type Dialer struct {
	// Auth is the key. Nil means that the listener has none; if it has, the first Recv
	// of a value returns ErrAuthentication, and the listener closes the connection when
	// it has waited long enough.
	Auth *Auth
	// TLS encrypts the connection; see package mptls. Nil means that nothing is
	// encrypted.
	TLS TLS
	// Resolver looks names of hosts up. Nil means that localhost and the names in the
	// hosts file are known, and no others; set it to net.DefaultResolver for the rest.
	// (Package mp does not import net, which costs each process of a program.)
	Resolver Resolver
	// MaxMessage is the size of the largest message, in bytes, that the connection
	// receives; larger ones are skipped, with a *MessageTooLongError. 0 means no
	// limit; a value has 4 GiB at most in any case.
	MaxMessage int
}

// Dial connects to a listener at an address of the network "unix", a path or an
// abstract name with NUL or @ in front, or "tcp", "tcp4" or "tcp6", host:port. It
// returns when each end has proved to the other that it has the key. While the queue
// of a unix socket is full, it waits. It ends with ctx, after 20 s at the latest if
// ctx has no deadline.
//
// If nobody listens, the error matches syscall.ECONNREFUSED, or fs.ErrNotExist if
// there is no such path; if the keys differ, ErrAuthentication.
func (d *Dialer) Dial(ctx context.Context, network, address string) (*Conn, error) {
	if d == nil {
		d = &Dialer{}
	}
	already := ctx.Err()
	c, err := d.dial(ctx, network, address)
	switch {
	case err == nil:
		return c, nil
	case already == nil && errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w (%w)", err, ErrTimeout)
	}
	return nil, fmt.Errorf("mp: Dial %s %s: %w", network, printable(address), err)
}

func (d *Dialer) dial(ctx context.Context, network, address string) (*Conn, error) {
	key := d.Auth.clone()
	if err := key.check(); err != nil {
		return nil, err
	}
	if d.MaxMessage < 0 {
		return nil, errMaxMessage
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dialTime)
		defer cancel()
	}
	places, err := socket.Resolve(ctx, d.Resolver, network, address, false)
	if err != nil {
		return nil, err
	}
	s, err := socket.Dial(ctx, places)
	if err != nil {
		return nil, err
	}
	carrier, err := welcome(ctx, s, d.TLS, key, true, host(network, address))
	if err != nil {
		return nil, err
	}
	c := newSocketConn(s, carrier, d.MaxMessage)
	c.keyless = key == nil
	return c, nil
}

// host is the part of an address that names a machine.
func host(network, address string) string {
	if network == "unix" {
		return ""
	}
	name, _, _ := cutLast(address, ":")
	return strings.Trim(name, "[]")
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// printable is an address as it is in errors.
func printable(address string) string {
	if name, ok := strings.CutPrefix(address, "\x00"); ok {
		address = "@" + name
	}
	if strings.ContainsFunc(address, func(r rune) bool { return r < ' ' }) || address == "" {
		return fmt.Sprintf("%q", address)
	}
	return address
}
