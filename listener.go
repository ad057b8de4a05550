package mp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/multiproc/mp/internal/socket"
)

// A Listener waits for connections. It accepts them, and lets the peers prove that
// they have the key, on goroutines of its own, so that a peer that is slow, silent or
// wrong delays nobody. A zero or nil Listener returns errors. A Listener is its process's
// own: one that several processes are to have is a net.Listener, with package mpnet.
type Listener struct {
	*listening
}

// listening is what a Listener and its goroutines share.
type listening struct {
	socket *socket.Listener
	config ListenConfig
	door   *door
	ready  chan *Conn // welcomed, and not yet accepted
	bell   bell       // rings while there is one of those, or will never be one

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
		l.bell.leave()
		return c, nil
	default:
	}
	select {
	case c := <-l.ready:
		l.bell.leave()
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
		l.bell.arrive() // for good
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
