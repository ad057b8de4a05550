package fdstore

import (
	"crypto/rand"
	"crypto/subtle"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/sys"
)

const (
	// backlog is how many may wait to be let in; the kernel may allow less.
	backlog = 4096
	// mostPeers is how many are let in at the same time.
	mostPeers = 128
	// grace is how long one of them may take.
	grace = time.Second
)

// listener is that of this process, if it is a store. Nothing reads it: it keeps the
// garbage collector from closing the listener.
var listener atomic.Pointer[socket.Listener]

// Serve is the life of a store. It returns when it has held nothing for a while, and
// the process has to end then.
//
// A store has the limits, the user and the namespaces of the process that has started
// it. It needs not raise the soft limit of open files: package syscall does that in
// every Go program, to the hard one.
func Serve(in *spawn.Inheritance) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	a, err := shm.Default()
	if err != nil {
		in.Refuse(err)
	}
	at := place{owner: a.Self(), network: sys.NetNamespace()}
	_, _ = rand.Read(at.name[:]) // it never fails
	_, _ = rand.Read(at.secret[:])
	l, err := socket.Listen([]sys.SocketAddr{at.address()}, 0, backlog)
	if err != nil {
		in.Refuse(err)
	}
	// It is closed by the end of the process, and not sooner: see place.dial.
	listener.Store(l)
	if err := in.Send(ipc.KindHello, at.hello()); err != nil {
		return err // nobody will ever find this store
	}
	peers, room := shares(sys.DescriptorLimit())
	d := &desk{
		store: newStore(a, room), secret: at.secret,
		peers: make(chan struct{}, peers), others: make(chan struct{}, peers/4),
	}
	ended := make(chan error, 1)
	go func() { ended <- d.open(l) }()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if d.store.sweep(); d.store.leave() {
				return nil
			}
		case err := <-ended:
			return err
		}
	}
}

// shares divides the descriptors that a process may have open: a peer can have three,
// its connection and what it sends.
func shares(limit int) (peers, room int) {
	const own = 24 // of the process itself
	peers = min(max(limit/8, 4), mostPeers)
	return peers, max(limit-3*peers-own, 1)
}

// A desk lets peers in to a store.
type desk struct {
	store  *store
	secret [secretSize]byte
	peers  chan struct{} // holds one for each that is in
	others chan struct{} // one for each that is of another user
}

// open lets peers in until the listener is closed.
func (d *desk) open(l *socket.Listener) error {
	for {
		d.peers <- struct{}{}
		c, err := l.Accept()
		if err == nil {
			go func() {
				d.serve(c)
				<-d.peers
			}()
			continue
		}
		<-d.peers
		passes, atOnce := socket.Passes(err)
		switch {
		case !passes:
			return err
		case !atOnce:
			time.Sleep(10 * time.Millisecond) // descriptors are rare, for instance
		}
	}
}

// admit says whether a peer is let in, of whatever user: it is the secret that says who
// may ask. But those of other users, who need not know it, have a quarter of the places
// only, so that they cannot keep out all who do. leave gives the place back.
func (d *desk) admit(c *socket.Conn) (leave func(), ok bool) {
	uid, _, err := c.Peer()
	if err != nil {
		return nil, false
	}
	if uid == 0 || int(uid) == os.Geteuid() {
		return func() {}, true
	}
	select {
	case d.others <- struct{}{}:
		return func() { <-d.others }, true
	default:
		return nil, false // it tries again
	}
}

// serve answers one request. Who makes none, or does not know how, is sent away
// without a word; nothing that a peer sends is kept but a descriptor that was put.
func (d *desk) serve(c *socket.Conn) {
	defer c.Close()
	leave, ok := d.admit(c)
	if !ok {
		return
	}
	defer leave()
	if err := c.SetDeadline(time.Now().Add(grace)); err != nil {
		return
	}
	var buf [requestSize + 1]byte // one more than fits is too long
	n, fd, failed := receive(c, buf[:])
	defer func() {
		if fd >= 0 {
			sys.CloseDescriptor(fd)
		}
	}()
	r, err := parseRequest(buf[:n])
	answer := func(status uint32, fd int) { _ = send(c, appendAnswer(nil, status), fd) }
	switch {
	case err != nil:
	case subtle.ConstantTimeCompare(r.secret[:], d.secret[:]) != 1:
		answer(statusRefused, -1)
	case r.op == opPut && failed != nil: // it had a descriptor, and there was no room for it
		answer(statusFull, -1)
	case failed != nil:
	case r.op == opPut && fd >= 0:
		status, answered := d.store.put(r.ref, fd)
		if fd = -1; answered {
			answer(status, -1)
		}
	case r.op == opGet:
		d.store.get(r.ref, answer)
	}
}
