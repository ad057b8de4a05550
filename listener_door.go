package mp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/transport"
)

const (
	// doorSize is how many peers may be in, or past, the handshake and not accepted.
	doorSize = 1024
	// settled is how long a peer may take for the handshake when others are waiting.
	settled = time.Second
	// The pauses after an accept that failed for want of descriptors or memory.
	firstRest = 5 * time.Millisecond
	lastRest  = time.Second
)

// A door lets a bounded number of peers in at a time. When it is full, or there are no
// descriptors for more, and somebody has not got through the handshake in a second,
// whoever has been at it for longest goes: so silent peers, however many, cannot keep
// others out.
type door struct {
	mu     sync.Mutex
	free   chan struct{} // has room for one: somebody has left
	inside int
	guests []*guest // in the handshake, the first who came first
}

// A guest is a peer in the handshake.
type guest struct {
	came  time.Time
	expel context.CancelCauseFunc
}

var errExpelled = errors.New("others were waiting")

func newDoor() *door { return &door{free: make(chan struct{}, 1)} }

// enter waits for room; false: ctx has ended.
func (d *door) enter(ctx context.Context) bool {
	for {
		d.mu.Lock()
		if d.inside < doorSize {
			d.inside++
			d.mu.Unlock()
			return true
		}
		wait := settled
		if len(d.guests) > 0 {
			if wait = settled - time.Since(d.guests[0].came); wait <= 0 {
				d.guests[0].expel(errExpelled)
				d.guests = d.guests[1:]
				wait = settled
			}
		}
		d.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-d.free:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// clear expels everybody who has been at the handshake for too long, and says whether
// there was one: the process has no descriptor left for another peer.
func (d *door) clear() (expelled bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.guests) > 0 && time.Since(d.guests[0].came) >= settled {
		d.guests[0].expel(errExpelled)
		d.guests = d.guests[1:]
		expelled = true
	}
	return expelled
}

// leave makes room.
func (d *door) leave() {
	d.mu.Lock()
	d.inside--
	d.mu.Unlock()
	select {
	case d.free <- struct{}{}:
	default:
	}
}

// shake registers a guest who is to be through at ctx's end; passed ends that.
func (d *door) shake(ctx context.Context) (_ context.Context, passed func()) {
	ctx, expel := context.WithCancelCause(ctx)
	g := &guest{came: time.Now(), expel: expel}
	d.mu.Lock()
	d.guests = append(d.guests, g)
	d.mu.Unlock()
	return ctx, func() {
		expel(nil)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.guests = slices.DeleteFunc(d.guests, func(other *guest) bool { return other == g })
	}
}

// acceptAll accepts until the listener is closed, or its socket is of no use.
func (l *listening) acceptAll() {
	rest := firstRest
	for {
		if !l.door.enter(l.ctx) {
			return
		}
		s, err := l.socket.Accept()
		if err == nil {
			rest = firstRest
			l.done.Go(func() { l.receive(s) })
			continue
		}
		l.door.leave()
		if errors.Is(err, transport.ErrClosed) || l.ctx.Err() != nil {
			return
		}
		passes, atOnce := socket.Passes(err)
		if !passes {
			l.failed = err
			close(l.broken)
			l.bell.arrive() // for good
			return
		}
		l.reject(Addr{}, err)
		if atOnce {
			continue
		}
		if l.door.clear() {
			rest = firstRest
		}
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
		case <-l.ctx.Done():
			timer.Stop()
			return
		}
		rest = min(2*rest, lastRest)
	}
}

// receive runs the handshake with a peer and keeps the connection until somebody
// accepts it.
func (l *listening) receive(s *socket.Conn) {
	defer l.door.leave()
	c, err := l.handshake(s)
	if err != nil {
		l.reject(addrOf(s.Remote), err)
		return
	}
	l.bell.arrive()
	select {
	case l.ready <- c:
	case <-l.ctx.Done():
		_ = c.Close()
	}
}

func (l *listening) handshake(s *socket.Conn) (*Conn, error) {
	if err := l.admits(s); err != nil {
		_ = s.Close()
		return nil, err
	}
	if l.config.Auth == nil && l.config.TLS == nil {
		return newSocketConn(s, s, l.config.MaxMessage), nil
	}
	limit := l.config.HandshakeTimeout
	if limit == 0 {
		limit = handshakeTime
	}
	ctx, cancel := context.WithTimeoutCause(l.ctx, limit, fmt.Errorf("%w: not within %v", ErrTimeout, limit))
	defer cancel()
	ctx, passed := l.door.shake(ctx)
	defer passed()
	carrier, err := welcome(ctx, s, l.config.TLS, l.config.Auth, false, "")
	if err != nil {
		return nil, err
	}
	return newSocketConn(s, carrier, l.config.MaxMessage), nil
}
