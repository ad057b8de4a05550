package mp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
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
	errMaxMessage = errors.New("MaxMessage is negative")
	errConfig     = errors.New("Backlog and HandshakeTimeout cannot be negative")
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

// A Listener waits for connections. It accepts them, and lets the peers prove that
// they have the key, on goroutines of its own, so that a peer that is slow, silent or
// wrong delays nobody. A zero or nil Listener returns errors.
type Listener struct {
	*listening
}

// listening is what a Listener and its goroutines share.
type listening struct {
	socket *socket.Listener
	config ListenConfig
	door   *door
	ready  chan *Conn // welcomed, and not yet accepted

	ctx    context.Context // ends with the listener
	cancel context.CancelFunc
	forget func() // it need not be closed at exit any more
	close  sync.Once
	err    error
	done   sync.WaitGroup
	broken chan struct{} // closed when accept has failed for good, with failure
	failed error
}

// Accept returns the next connection whose peer has been let in. It waits for one
// until ctx ends, or the listener is closed: then the error is ErrClosed.
func (l *Listener) Accept(ctx context.Context) (*Conn, error) {
	already := ctx.Err()
	c, err := l.accept(ctx)
	return c, waitOutcome("Listener.Accept", already, err)
}

func (l *Listener) accept(ctx context.Context) (*Conn, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case c := <-l.ready:
		return c, nil
	default:
	}
	select {
	case c := <-l.ready:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.ctx.Done():
		return nil, ErrClosed
	case <-l.broken:
		return nil, l.failed
	}
}

func (l *Listener) check() error {
	switch {
	case l == nil || l.listening == nil:
		return errNoListener
	case l.ctx.Err() != nil:
		return ErrClosed
	}
	return nil
}

var errNoListener = errors.New("not made by ListenConfig.Listen")

// Addr returns the address, with the path or port that the system has chosen.
func (l *Listener) Addr() Addr {
	if l == nil || l.listening == nil {
		return Addr{}
	}
	return addrOf(l.socket.Addr)
}

// SyscallConn gives access to the socket that listens, to set options.
func (l *Listener) SyscallConn() (syscall.RawConn, error) {
	if err := l.check(); err != nil {
		return nil, misuse("Listener.SyscallConn", err)
	}
	return l.socket.SyscallConn()
}

// String says where it listens.
func (l *Listener) String() string {
	if l == nil || l.listening == nil {
		return "mp.Listener(none)"
	}
	return fmt.Sprintf("mp.Listener(%v)", l.Addr())
}

// Close stops to listen, removes the file of a unix socket, and closes the connections
// that nobody has accepted yet. Those that were accepted go on. Accept returns
// ErrClosed. Closing twice is fine. It waits for calls of OnReject that are running,
// so it must not be called from there.
func (l *Listener) Close() error {
	if l == nil || l.listening == nil {
		return nil
	}
	l.end()
	l.forget()
	l.done.Wait()
	return misuse("Listener.Close", l.err)
}

// end is Close that does not wait.
func (l *listening) end() {
	l.close.Do(func() {
		l.cancel()
		l.err = l.socket.Close()
	})
}

// newListener begins to accept.
func newListener(s *socket.Listener, config ListenConfig) *Listener {
	l := &listening{socket: s, config: config, door: newDoor(), ready: make(chan *Conn), broken: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.forget = atExit(l.end)
	l.done.Go(l.acceptAll)
	return &Listener{l}
}

// reject tells of a peer that was not let in.
func (l *listening) reject(peer Addr, err error) {
	if l.config.OnReject != nil && l.ctx.Err() == nil {
		l.config.OnReject(peer, err)
	}
}

// admits checks who is at the other end of a unix socket.
func (l *listening) admits(s *socket.Conn) error {
	if !s.Local.Unix || l.config.AnyUser {
		return nil
	}
	uid, pid, err := s.Peer()
	if err == nil && uid != 0 && int(uid) != os.Geteuid() {
		err = fmt.Errorf("%w: process %d is of user %d, and AnyUser is not set", ErrAuthentication, pid, uid)
	}
	return err
}
