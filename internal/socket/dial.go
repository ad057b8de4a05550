package socket

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/sys"
)

// The pauses between attempts to get into a full queue.
const (
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

// Dial connects to the first of the places that answers. While the queue of a unix
// socket is full it tries again, until ctx ends.
func Dial(ctx context.Context, places []sys.SocketAddr) (c *Conn, err error) {
	for _, place := range places {
		c, refused := dial(ctx, place)
		if refused == nil {
			return c, nil
		}
		if err == nil {
			err = refused
		}
		if ctx.Err() != nil {
			return nil, refused
		}
	}
	return nil, err
}

func dial(ctx context.Context, place sys.SocketAddr) (*Conn, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, pending, err := sys.ConnectSocket(place)
		if err == nil {
			c, err := newConn(f)
			if err == nil && pending {
				err = c.connected(ctx)
			}
			return c, err
		}
		if !errors.Is(err, sys.ErrWouldBlock) {
			return nil, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
	}
}

// connected waits for the connection, and closes c if it does not come about.
func (c *Conn) connected(ctx context.Context) error {
	stop := Until(ctx, c.SetWriteDeadline)
	var result error
	polled := c.conn.Write(func(fd uintptr) bool {
		result = sys.ConnectResult(fd)
		return result != sys.ErrWouldBlock
	})
	stop()
	err := result
	if polled != nil {
		err = polled
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	if err == nil {
		c.Local, c.Remote, err = sys.SocketNames(c.file)
	}
	if err == nil && !c.Local.Unix && c.Local == c.Remote {
		// A socket that looks for a port on its own machine on which nobody listens may
		// get that very port, and is then connected to itself.
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	if err != nil {
		_ = c.Close()
	}
	return err
}

// Until sets a deadline in the past when ctx ends, so that what waits is woken. The
// function that it returns takes that back; call it when nothing waits any more.
func Until(ctx context.Context, set func(time.Time) error) (stop func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	fired := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		_ = set(time.Unix(1, 0))
		close(fired)
	})
	return func() {
		if !forget() {
			<-fired
			_ = set(time.Time{})
		}
	}
}
