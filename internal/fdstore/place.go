package fdstore

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/sys"
)

// A place is where a store is.
type place struct {
	owner  uint32 // the store, as it stands in locks; 0: there is none
	pid    uint32 // it, as who has started it sees it
	name   [nameSize]byte
	secret [secretSize]byte
}

const (
	nameSize  = 16
	helloSize = 4 + nameSize + secretSize
)

// address returns the abstract unix socket on which the store listens.
func (p *place) address() sys.SocketAddr {
	return sys.SocketAddr{Unix: true, Packets: true, Path: "\x00mp-" + hex.EncodeToString(p.name[:])}
}

// hello is what a store tells who has started it.
func (p *place) hello() []byte {
	body := binary.BigEndian.AppendUint32(nil, p.owner)
	return append(append(body, p.name[:]...), p.secret[:]...)
}

// parseHello is the reverse.
func parseHello(body []byte, pid int) (p place, ok bool) {
	if len(body) != helloSize {
		return p, false
	}
	p.owner, p.pid = binary.BigEndian.Uint32(body), uint32(pid)
	copy(p.name[:], body[4:])
	copy(p.secret[:], body[4+nameSize:])
	return p, true
}

// errAgain is matched by the errors of requests that may not have reached a store
// that answers: it has gone, or is going.
var errAgain = errors.New("no answer")

// ask makes a request, with a descriptor unless fd is negative, and waits for the
// answer.
func (p *place) ask(ctx context.Context, r *request, fd int) (status uint32, got int, err error) {
	c, err := socket.Dial(ctx, []sys.SocketAddr{p.address()})
	if err != nil {
		return 0, -1, again(err)
	}
	defer c.Close()
	// Whoever likes may take the name of a socket whose owner has gone.
	if uid, _, err := c.Peer(); err != nil || int(uid) != os.Geteuid() {
		return 0, -1, errors.Join(fmt.Errorf("the process that keeps file descriptors under way (pid %d) is of user %d, and this process of %d", p.pid, uid, os.Geteuid()), err)
	}
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return 0, -1, err
	}
	if err := send(c, r.append(make([]byte, 0, requestSize)), fd); err != nil {
		return 0, -1, again(err)
	}
	answer := make([]byte, answerSize+1)
	n, got, err := receive(c, answer)
	if err == nil && n == 0 {
		err = syscall.ECONNRESET
	}
	if err == nil {
		status, err = parseAnswer(answer[:n])
	}
	if err != nil && got >= 0 {
		sys.CloseDescriptor(got)
		got = -1
	}
	return status, got, again(err)
}

// again marks the errors of a store that has gone or is going, of one that had too
// much to do, and of one that does not answer.
func again(err error) error {
	for _, passing := range []error{
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.ENOTCONN, syscall.ETOOMANYREFS,
		os.ErrDeadlineExceeded, context.DeadlineExceeded,
	} {
		if errors.Is(err, passing) {
			return fmt.Errorf("%w: %w", errAgain, err)
		}
	}
	return err
}

// send sends one message, with a descriptor unless fd is negative.
func send(c *socket.Conn, message []byte, fd int) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = rc.Write(func(s uintptr) bool {
		failed = sys.SendDescriptor(s, message, fd)
		return failed != sys.ErrWouldBlock
	})
	if err != nil {
		return err
	}
	return failed
}

// receive receives one message, and the descriptor that comes with it, or -1.
func receive(c *socket.Conn, p []byte) (n, fd int, err error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return 0, -1, err
	}
	fd = -1
	var failed error
	err = rc.Read(func(s uintptr) bool {
		n, fd, failed = sys.ReceiveDescriptor(s, p)
		return failed != sys.ErrWouldBlock
	})
	if err != nil {
		return 0, -1, err
	}
	return n, fd, failed
}

// remaining returns how long a context lasts.
func remaining(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return patience
	}
	return max(time.Until(deadline), 0)
}
