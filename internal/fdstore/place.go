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
	owner   uint32 // the store, as it stands in locks; 0: there is none
	pid     uint32 // it, as who has started it sees it
	name    [nameSize]byte
	secret  [secretSize]byte
	network uint64 // its network namespace, as sys.NetNamespace has it
}

const (
	nameSize  = 16
	helloSize = 4 + nameSize + secretSize + 8
)

// address returns the abstract unix socket on which the store listens.
func (p *place) address() sys.SocketAddr {
	return sys.SocketAddr{Unix: true, Packets: true, Path: "\x00mp-" + hex.EncodeToString(p.name[:])}
}

// hello is what a store tells who has started it.
func (p *place) hello() []byte {
	body := binary.BigEndian.AppendUint32(nil, p.owner)
	body = append(append(body, p.name[:]...), p.secret[:]...)
	return binary.BigEndian.AppendUint64(body, p.network)
}

// parseHello is the reverse.
func parseHello(body []byte, pid int) (p place, ok bool) {
	if len(body) != helloSize {
		return p, false
	}
	p.owner, p.pid = binary.BigEndian.Uint32(body), uint32(pid)
	copy(p.name[:], body[4:])
	copy(p.secret[:], body[4+nameSize:])
	p.network = binary.BigEndian.Uint64(body[4+nameSize+secretSize:])
	return p, true
}

// errAgain is matched by the errors of requests that may not have reached a store
// that answers: it has gone, or is going.
var errAgain = errors.New("no answer")

// dial connects to the store, and to nobody else, who would be told the secret.
//
// Whoever likes may take the name of a socket whose owner has gone. But the kernel
// marks the slot of a process that ends before it closes its files, and a store does
// not close its listener before it ends: so if it lives after the connection was made,
// it had the name when it was made. That holds whatever users and process namespaces
// the two are in, while the numbers in the credentials of a socket are those of the
// namespace of who reads them. Names of sockets belong to a network namespace: in
// another one the same name could be somebody else's, and usually is nobody's.
func (p *place) dial(ctx context.Context, lives func() bool) (*socket.Conn, error) {
	if here := sys.NetNamespace(); here != p.network && here != 0 && p.network != 0 {
		return nil, p.elsewhere()
	}
	c, err := socket.Dial(ctx, []sys.SocketAddr{p.address()})
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) && lives(): // it listens, but not where this process is
		return nil, p.elsewhere()
	case err != nil:
		return nil, again(err)
	case !lives():
		_ = c.Close()
		return nil, errAgain
	}
	return c, nil
}

// elsewhere is the error of a process that cannot reach the store although it lives.
func (p *place) elsewhere() error {
	return fmt.Errorf("the process that keeps file descriptors under way (pid %d) cannot be reached: is this process in another network namespace?", p.pid)
}

// ask makes a request, with a descriptor unless fd is negative, and waits for the
// answer. lives says whether the store does.
func (p *place) ask(ctx context.Context, lives func() bool, r *request, fd int) (status uint32, got int, err error) {
	c, err := p.dial(ctx, lives)
	if err != nil {
		return 0, -1, err
	}
	defer c.Close()
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
