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
	// encrypted. One without a certificate is an error of Listen.
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
	// AutoUnlink has the file of a unix socket removed when this process has ended, in
	// whatever way, also by SIGKILL, unless another file has its path by then. (Only a
	// kill in the microseconds in which the file is made leaves it.) A small process
	// looks after that, as for AutoUnlink of shared memory: the first such listener
	// waits a millisecond or two for it, and it takes 2 MB. It works only after Init.
	//
	// False means that the file stays if the process is killed, and is in the way of
	// the next one that wants to listen there; but what the address "" has made is
	// removed in any case, if Init has run.
	AutoUnlink bool
	// Resolver looks names of hosts up, as that of a Dialer.
	Resolver Resolver
	// MaxMessage is the size of the largest message, in bytes, that the connections
	// receive; larger ones are skipped, with a *MessageTooLongError. 0 means no
	// limit; a value has 4 GiB at most in any case.
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
	if s, ok := lc.TLS.(listenerSecurity); ok {
		if err := s.CheckListen(); err != nil {
			return err
		}
	}
	return lc.Auth.check()
}

// A listenerSecurity can say that it is no use for who listens, before any peer is
// there: that of package mptls can.
type listenerSecurity interface{ CheckListen() error }

// Listen listens at an address of the network "unix", a path or an abstract name with
// NUL or @ in front, or "tcp", "tcp4" or "tcp6", host:port, where port 0 is any free
// one and no host all addresses of the machine. The empty address of the network "unix"
// is a new path in a directory of its own, which no other user can enter unless AnyUser
// is set. Addr says what it has become.
//
// The file of a unix socket is never there with more permissions than it is to have,
// and is removed by Close, at Exit and at the end of Main; for a process that is killed,
// see AutoUnlink. To listen where somebody listens already, or where a file is left, is
// syscall.EADDRINUSE; with AutoUnlink before Init it is ErrNotInitialized.
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
	config := *lc
	config.Auth = lc.Auth.clone()
	if err := config.check(); err != nil {
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
	t, err := lc.tracker(len(places) == 0)
	if err != nil {
		return nil, err
	}
	s, err := socket.ListenTracked(t, places, perm, queue)
	if err != nil {
		return nil, err
	}
	return newListener(s, config), nil
}

// tracker returns what removes the files that a killed process has left, or nil. ours
// says that the path is one that has been made up.
func (lc *ListenConfig) tracker(ours bool) (socket.Tracker, error) {
	switch err := ready("mp: ListenConfig.Listen with AutoUnlink"); {
	case lc.AutoUnlink && err != nil:
		return nil, err
	case err == nil && (lc.AutoUnlink || ours):
		return tracked, nil
	}
	return nil, nil
}
