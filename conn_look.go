package mp

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/stream"
)

// settle is how long a connection may take to say what it makes of what is there.
const settle = 10 * time.Millisecond

// over is a context that has ended: with it, the Poll of a transport does not wait.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// look says whether there is something to receive now, from a connection over the
// socket rc. It asks the transport first, which knows of what it has read already, and
// the socket only if that says that there is nothing.
func (c *Conn) look(rc syscall.RawConn) (bool, error) {
	ready, err := c.transport.Poll(over)
	if ready || !errors.Is(err, context.Canceled) {
		return ready, err
	}
	if ready, err := (fileWatch{rc}).ready(); !ready || err != nil {
		return false, err
	}
	// It has come just now; or somebody else is at it, who is about to see it; or it is
	// the rest of what nobody wants, or the beginning of what is encrypted, and has to be
	// read first.
	ctx, cancel := context.WithTimeout(context.Background(), settle)
	defer cancel()
	ready, err = c.transport.Poll(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return ready, err
}

// readAhead says whether there is something to receive, or an error, that the socket does
// not tell of, because the transport has read it already. It does not wait.
func (c *Conn) readAhead() bool {
	s, ok := c.transport.(*stream.Stream)
	if !ok || !s.ReadsAhead() {
		return false
	}
	ready, err := s.Poll(over)
	return ready || !errors.Is(err, context.Canceled)
}
