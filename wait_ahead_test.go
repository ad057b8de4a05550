//go:build linux

package mp_test

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/transport"
)

// readsAhead carries what it is given as it is, but reads size bytes together, as TLS
// reads all that is there, and returns no byte of them before released is closed.
type readsAhead struct {
	transport.Carrier
	size            int
	drained         chan struct{}
	released        chan struct{}
	buffered        []byte
	alreadyBuffered bool
}

func (r *readsAhead) Secure(_ context.Context, c transport.Carrier, _ bool, _ string) (transport.Carrier, error) {
	r.Carrier = c
	return r, nil
}

func (r *readsAhead) Read(p []byte) (int, error) {
	for len(r.buffered) < r.size && !r.alreadyBuffered {
		more := make([]byte, r.size)
		n, err := r.Carrier.Read(more)
		if r.buffered = append(r.buffered, more[:n]...); err != nil {
			return 0, err
		}
	}
	if !r.alreadyBuffered {
		r.alreadyBuffered = true
		close(r.drained)
	}
	<-r.released
	if len(r.buffered) == 0 {
		return r.Carrier.Read(p)
	}
	n := copy(p, r.buffered)
	r.buffered = r.buffered[n:]
	return n, nil
}

// glances is a file that is never ready, and counts how often it is looked at.
type glances struct {
	syscall.RawConn
	left atomic.Int32
	last func() // is called at the last one
}

func (g *glances) SyscallConn() (syscall.RawConn, error) { return g, nil }

func (g *glances) Control(f func(fd uintptr)) error {
	if g.left.Add(-1) == 0 {
		g.last()
	}
	return g.RawConn.Control(f)
}

// Two messages have been read together by somebody who receives one of them only. Whoever
// waits meanwhile hears of the other, though nothing is in the socket any more.
func TestWaitForWhatHasBeenReadAhead(t *testing.T) {
	const message = 4 + len("one")
	ahead := &readsAhead{size: 2 * message, drained: make(chan struct{}), released: make(chan struct{})}
	l := listenAt(t, "unix", mp.ListenConfig{})
	c := dialTo(t, l, mp.Dialer{TLS: ahead})
	other := accepted(t, l)
	got := make(chan string, 1)
	go func() {
		text, err := c.RecvBytes(context.Background(), 0)
		assert.NoError(t, err)
		got <- string(text)
	}()
	require.NoError(t, other.SendBytes(bounded(t), []byte("one")))
	require.NoError(t, other.SendBytes(bounded(t), []byte("two")))
	<-ahead.drained

	_, mine, _ := netPair(t)
	rc, err := mine.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	idle := &glances{RawConn: rc, last: func() { close(ahead.released) }}
	idle.left.Store(3) // before the wait, for it, and once more at its beginning, after c
	assert.Equal(t, []mp.Waitable{c}, waited(t, c, mp.Readable(idle)))
	assert.Equal(t, "one", <-got)
	text, err := c.RecvBytes(bounded(t), 0)
	require.NoError(t, err)
	assert.Equal(t, "two", string(text))
}
