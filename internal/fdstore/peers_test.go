//go:build linux

package fdstore

import (
	"context"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/trial"
)

// peer connects to the store as anybody can.
func peer(t testing.TB, at place) *socket.Conn {
	t.Helper()
	ctx := trial.Context(t)
	c, err := socket.Dial(ctx, []sys.SocketAddr{at.address()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(trial.Patience)))
	return c
}

// answerTo sends a message, and returns the status of the answer: 0 if there is none.
func answerTo(t testing.TB, at place, message []byte, fd int) uint32 {
	t.Helper()
	c := peer(t, at)
	defer c.Close()
	require.NoError(t, send(c, message, fd))
	buf := make([]byte, answerSize+1)
	n, got, err := receive(c, buf)
	assert.Negative(t, got)
	if err != nil || n == 0 {
		return 0
	}
	status, err := parseAnswer(buf[:n])
	require.NoError(t, err)
	return status
}

// Whatever others do, requests are answered, and the store holds nothing of theirs.
func TestPeersDoNotStopTheStore(t *testing.T) {
	noStore(t) // one that holds what other tests have put would hold less soon
	r, o := get2(t)
	at := recorded(t)
	pid := int(at.pid)
	_, w2 := pipe(t)
	before := descriptors(t, pid)
	var silent []*socket.Conn
	addSilent := func() {
		for range 50 {
			silent = append(silent, peer(t, at))
		}
	}
	addSilent()
	good := request{secret: at.secret, op: opPut, ref: o.Ref()}
	bytes := func(change func(r *request)) []byte {
		r := good
		change(&r)
		return r.append(nil)
	}
	gone := o.Ref()
	gone.Generation++
	fd := descriptorOf(w2)
	for name, c := range map[string]struct {
		message []byte
		fd      int
		want    uint32
	}{
		"another secret":             {bytes(func(r *request) { r.secret[15]++ }), fd, statusRefused},
		"no secret":                  {bytes(func(r *request) { r.secret = [secretSize]byte{} }), -1, statusRefused},
		"garbage":                    {[]byte("GET / HTTP/1.1\r\n\r\n"), fd, 0},
		"one byte":                   {[]byte{1}, fd, 0},
		"too long":                   {append(bytes(func(*request) {}), 0), fd, 0},
		"far too long":               {make([]byte, 64<<10), fd, 0},
		"another op":                 {bytes(func(r *request) { r.op = 77 }), fd, 0},
		"a put without a descriptor": {bytes(func(*request) {}), -1, 0},
		"a put for no object":        {bytes(func(r *request) { r.ref = gone }), fd, statusGone},
		"a put for another kind":     {bytes(func(r *request) { r.ref.Kind = kindRecord }), fd, statusGone},
		"a put beyond all cells":     {bytes(func(r *request) { r.ref.Cell = 1<<32 - 1 }), fd, statusGone},
		"a get with a descriptor":    {bytes(func(r *request) { r.op, r.ref = opGet, gone }), fd, statusGone},
	} {
		assert.Equal(t, c.want, answerTo(t, at, c.message, c.fd), name)
	}
	root, err := rootOf(arena(t))
	require.NoError(t, err)
	assert.EqualValues(t, statusGone, answerTo(t, at, (&request{at.secret, opPut, root.Ref()}).append(nil), fd), "the root object")

	trial.Until(t, "there is an answer while others are silent, and not yet sent away", func() bool {
		addSilent()
		f := get(t, o.Ref())
		assert.Equal(t, inode(t, r), inode(t, f))
		require.NoError(t, f.Close())
		hungUp, err := silent[len(silent)-1].Ready()
		require.NoError(t, err)
		return !hungUp
	})
	for _, c := range silent {
		_, _, err := receive(c, make([]byte, 1)) // the end
		assert.NoError(t, err)
	}
	trial.Until(t, "it has sent them away", func() bool { return descriptors(t, pid) == before })
	assert.Equal(t, at, recorded(t))
	drop(t, o)
}

// Of several descriptors one is taken.
func TestSeveralDescriptors(t *testing.T) {
	noStore(t)
	_, o := get2(t)
	at := recorded(t)
	before := descriptors(t, int(at.pid))
	r, w := pipe(t)
	r2, w2 := pipe(t)
	r3, w3 := pipe(t)
	c := peer(t, at)
	rc, err := c.SyscallConn()
	require.NoError(t, err)
	rights := syscall.UnixRights(descriptorOf(w), descriptorOf(w2), descriptorOf(w3))
	var failed error
	require.NoError(t, rc.Control(func(s uintptr) {
		failed = syscall.Sendmsg(int(s), (&request{at.secret, opPut, o.Ref()}).append(nil), rights, nil, 0)
	}))
	require.NoError(t, failed)
	buf := make([]byte, answerSize)
	_, _, err = receive(c, buf)
	require.NoError(t, err)
	assert.Equal(t, appendAnswer(nil, statusDone), buf)
	for _, f := range []*os.File{w, w2, w3} {
		require.NoError(t, f.Close())
	}
	f := get(t, o.Ref())
	assert.Equal(t, inode(t, r), inode(t, f), "the first, instead of the one that was there")
	require.NoError(t, f.Close())
	ended(t, r2)
	ended(t, r3)
	require.NoError(t, c.Close())
	trial.Until(t, "no more are open than before", func() bool { return descriptors(t, int(at.pid)) == before })
	drop(t, o)
	ended(t, r)
}

// More peers than are let in: the others come in when those who say nothing are sent
// away.
func TestMorePeersThanAreLetIn(t *testing.T) {
	_, o := get2(t)
	at := recorded(t)
	for range mostPeers + 20 {
		peer(t, at)
	}
	f := get(t, o.Ref())
	require.NoError(t, f.Close())
	assert.Equal(t, at, recorded(t))
	drop(t, o)
}

// What is asked when a store is leaving is not answered, and nothing is kept of it.
func TestALeavingStoreAnswersNothing(t *testing.T) {
	a := arena(t)
	o, err := a.New(shm.Spec{Kind: Kind})
	require.NoError(t, err)
	dup := func(r io.Closer, w *os.File) int {
		fd, err := syscall.Dup(descriptorOf(w))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return fd
	}
	s := newStore(a, 10)
	assert.False(t, s.leave(), "it has just come")
	s.asked = time.Now().Add(-linger)
	require.True(t, s.leave())
	r, w := pipe(t)
	_, answered := s.put(o.Ref(), dup(r, w))
	assert.False(t, answered)
	ended(t, r)
	s.get(o.Ref(), func(uint32, int) { t.Error("an answer") })
	assert.Empty(t, s.held)

	// One that holds something does not leave.
	s = newStore(a, 10)
	r, w = pipe(t)
	status, answered := s.put(o.Ref(), dup(r, w))
	assert.True(t, answered)
	assert.EqualValues(t, statusDone, status)
	s.asked = time.Now().Add(-time.Hour)
	assert.False(t, s.leave())
	require.NoError(t, o.Drop())
	s.sweep()
	ended(t, r)
	assert.True(t, s.leave())
}

// Who has had no answer knows that it may ask again.
func TestNoAnswer(t *testing.T) {
	at := place{name: [nameSize]byte{1, 2, byte(os.Getpid()), byte(os.Getpid() >> 8), byte(os.Getpid() >> 16)}}
	ctx := trial.Context(t)
	living := func() bool { return true }
	_, _, err := at.ask(ctx, func() bool { return false }, &request{}, -1)
	require.ErrorIs(t, err, errAgain, "nobody listens")

	l, err := socket.Listen([]sys.SocketAddr{at.address()}, 0, 10)
	require.NoError(t, err)
	defer l.Close()
	answers := make(chan []byte)
	go func() {
		for answer := range answers {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, fd, _ := receive(c, make([]byte, requestSize))
			if fd >= 0 {
				sys.CloseDescriptor(fd)
			}
			if answer != nil {
				_ = send(c, answer, -1)
			}
			_ = c.Close()
		}
	}()
	answers <- nil
	_, _, err = at.ask(ctx, living, &request{}, 0)
	assert.ErrorIs(t, err, errAgain, "hung up")
	for _, nonsense := range [][]byte{{1}, {1, 2, 3}, {0, 0, 0, 1, 0}, make([]byte, 1000)} {
		answers <- nonsense
		_, _, err = at.ask(ctx, living, &request{}, -1)
		assert.ErrorIs(t, err, errAnswer)
	}
	answers <- appendAnswer(nil, statusDone)
	status, fd, err := at.ask(ctx, living, &request{}, -1)
	assert.NoError(t, err)
	assert.EqualValues(t, statusDone, status)
	assert.Equal(t, -1, fd)
	close(answers)
	// One that never lets anybody in.
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err = at.ask(short, living, &request{}, -1)
	assert.ErrorIs(t, err, errAgain)
}
