package mp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/sys"
)

const (
	// handshakeTime is how long a peer has for its part of a handshake.
	handshakeTime = 10 * time.Second
	// backlog is what the kernel keeps of connections before this process has seen
	// them; it takes less if net.core.somaxconn is less.
	backlog = 4096
)

// A ListenConfig says how to listen. The zero value lets everybody in who can reach
// the address, and, of a unix socket, is the same user.
type ListenConfig struct {
	// Auth is the key that peers have to have. Nil means that they need none.
	Auth *Auth
	// TLS encrypts the connections; see package mptls. Nil means that nothing is
	// encrypted.
	TLS TLS
	// OnReject is told of each peer that was not let in, and why: a wrong key, silence,
	// another user; and of errors of accept, with a zero Addr. It is called beside the
	// listening, possibly by several goroutines at once. Nil means that nobody is told.
	OnReject func(peer Addr, err error)
	// Backlog is how many connections may wait in the kernel. 0 means 4096; the system
	// may allow less.
	Backlog int
	// AnyUser lets processes of other users connect to a unix socket. By default its
	// file has the permissions 0600, and whoever connects is checked to be of this
	// user, or root; with AnyUser it has 0666.
	AnyUser bool
	// Resolver looks names of hosts up, as that of a Dialer.
	Resolver Resolver
	// MaxMessage is the size of the largest message, in bytes, that the connections
	// receive; larger ones are skipped, with a *MessageTooLongError. 0 means no limit.
	MaxMessage int
	// HandshakeTimeout is how long a peer has for TLS and the authentication, all in
	// all. 0 means 10 s.
	HandshakeTimeout time.Duration
}

var (
	errMaxMessage = errors.New("a negative MaxMessage")
	errConfig     = errors.New("a negative Backlog or HandshakeTimeout")
)

func (lc *ListenConfig) check() error {
	switch {
	case lc.MaxMessage < 0:
		return errMaxMessage
	case lc.Backlog < 0 || lc.HandshakeTimeout < 0:
		return errConfig
	}
	return lc.Auth.check()
}

// Listen listens at an address of the network "unix", a path or an abstract name with
// NUL or @ in front, or "tcp", "tcp4" or "tcp6", host:port, where port 0 is any free
// one and no host all addresses of the machine. The empty address of the network
// "unix" is a new path in a directory of its own, which nobody else can enter. Addr
// says what it has become.
//
// The file of a unix socket is never there with more permissions than it is to have,
// and is removed by Close, at Exit and at the end of Main; if the process is killed it
// stays. To listen where somebody listens already, or where such a file is left, is
// syscall.EADDRINUSE.
func (lc *ListenConfig) Listen(ctx context.Context, network, address string) (*Listener, error) {
	if lc == nil {
		lc = &ListenConfig{}
	}
	l, err := lc.listen(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("mp: Listen %s %s: %w", network, printable(address), err)
	}
	return l, nil
}

func (lc *ListenConfig) listen(ctx context.Context, network, address string) (*Listener, error) {
	if err := lc.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var places []sys.SocketAddr // none: a path of its own
	if network != "unix" || address != "" {
		var err error
		if places, err = socket.Resolve(ctx, lc.Resolver, network, address, true); err != nil {
			return nil, err
		}
	}
	perm := uint32(0o600)
	if lc.AnyUser {
		perm = 0o666
	}
	queue := lc.Backlog
	if queue == 0 {
		queue = backlog
	}
	s, err := socket.Listen(places, perm, queue)
	if err != nil {
		return nil, err
	}
	return newListener(s, *lc), nil
}
