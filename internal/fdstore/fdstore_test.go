//go:build linux

package fdstore

import (
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/trial"
)

var writer = scenario("get what was put and write to it", func(c *insider) {
	r := parseRef(c.args[0])
	for {
		text := c.hear()
		f, err := getFile(r)
		c.must(err)
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(descriptorOf(f)), syscall.F_GETFD, 0)
		if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
			c.say("it is not close-on-exec")
		}
		_, err = f.WriteString(text)
		c.must(err)
		c.must(f.Close())
		c.say("done")
	}
})

func TestADescriptorReachesAnotherProcess(t *testing.T) {
	r, w := pipe(t)
	o := put(t, w)
	m := start(t, writer, refText(o.Ref()))
	for _, text := range []string{"hello", "again"} {
		m.tell(text)
		require.Equal(t, "done", m.line())
		got := make([]byte, 5)
		_, err := io.ReadFull(r, got)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
	}
	// In this process as well, each time a descriptor of its own.
	first, second := get(t, o.Ref()), get(t, o.Ref())
	assert.NotEqual(t, descriptorOf(first), descriptorOf(second))
	assert.Equal(t, inode(t, r), inode(t, first))
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	m.kill()
	drop(t, o)
	ended(t, r)
	_, err := Get(o.Ref())
	assert.ErrorIs(t, err, shm.ErrGone)
}

// startPutter starts a child that has put the writing end of a pipe, and nothing else
// of it.
func startPutter(t testing.TB) (m *member, r *os.File, ref shm.Ref) {
	t.Helper()
	first, keep := get2(t)
	m = start(t, putter, refText(keep.Ref()))
	ref = parseRef(m.line())
	drop(t, keep)
	return m, first, ref
}

// get2 returns the reading end of a pipe, and the object for the writing one.
func get2(t testing.TB) (*os.File, *shm.Object) {
	t.Helper()
	r, w := pipe(t)
	return r, put(t, w)
}

var putter = scenario("put again what was put", func(c *insider) {
	fd, err := Get(parseRef(c.args[0]))
	c.must(err)
	o, err := Put(fd)
	c.must(err)
	c.must(syscall.Close(fd))
	c.say("%s", refText(o.Ref()))
	forever()
})

func TestASenderThatIsKilledRightAfterPut(t *testing.T) {
	m, r, ref := startPutter(t)
	o, err := arena(t).Open(ref) // as who has the message would
	require.NoError(t, err)
	m.kill()
	w := get(t, ref)
	_, err = w.WriteString("x")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, err = r.Read(make([]byte, 1))
	require.NoError(t, err)
	drop(t, o)
	ended(t, r)
}

func TestWhatADeadProcessHasPutIsClosed(t *testing.T) {
	m, r, ref := startPutter(t)
	m.kill()
	ended(t, r)
	_, err := Get(ref)
	assert.ErrorIs(t, err, shm.ErrGone)
}

func TestGetRefuses(t *testing.T) {
	r, o := get2(t)
	defer r.Close()
	ref := o.Ref()
	for name, c := range map[string]struct {
		ref  shm.Ref
		want error
	}{
		"nothing":            {shm.Ref{}, shm.ErrKind},
		"another kind":       {shm.Ref{Cell: ref.Cell, Generation: ref.Generation, Kind: Kind - 1}, shm.ErrKind},
		"another hash":       {shm.Ref{Cell: ref.Cell, Generation: ref.Generation, Kind: Kind, Hash: 1}, shm.ErrKind},
		"another generation": {shm.Ref{Cell: ref.Cell, Generation: ref.Generation + 1, Kind: Kind}, shm.ErrGone},
		"another cell":       {shm.Ref{Cell: 1 << 31, Generation: ref.Generation, Kind: Kind}, shm.ErrGone},
	} {
		_, err := Get(c.ref)
		assert.ErrorIs(t, err, c.want, name)
	}
	drop(t, o)
}

func TestPutRefuses(t *testing.T) {
	_, err := Put(-1)
	assert.ErrorContains(t, err, "no file descriptor")
	_, err = Put(1 << 20)
	assert.ErrorIs(t, err, syscall.EBADF)
	_, before := arena(t).Heap() // with the root object, which stays
	_, err = Put(1 << 20)
	assert.ErrorIs(t, err, syscall.EBADF)
	_, after := arena(t).Heap()
	assert.Equal(t, before, after)
}

// More of them than select could look at, of which each is the one that was put.
func TestAThousandDescriptors(t *testing.T) {
	const n = 1100
	var objects []*shm.Object
	var inodes []uint64
	for range n {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		inodes = append(inodes, inode(t, w))
		objects = append(objects, put(t, w))
		require.NoError(t, r.Close())
	}
	pid := int(recorded(t).pid)
	assert.Greater(t, descriptors(t, pid), n)
	for i, o := range objects {
		f := get(t, o.Ref())
		require.Equal(t, inodes[i], inode(t, f))
		require.NoError(t, f.Close())
	}
	for _, o := range objects[1:] {
		drop(t, o)
	}
	trial.Until(t, "they are closed", func() bool { return descriptors(t, pid) < 100 })
	f := get(t, objects[0].Ref())
	assert.Equal(t, inodes[0], inode(t, f))
	require.NoError(t, f.Close())
	drop(t, objects[0])
}

func TestNumbersAbove1024(t *testing.T) {
	r, w := pipe(t)
	const high = 1500
	require.NoError(t, syscall.Dup3(descriptorOf(w), high, syscall.O_CLOEXEC))
	o, err := Put(high)
	require.NoError(t, err)
	require.NoError(t, syscall.Close(high))
	f := get(t, o.Ref())
	assert.Equal(t, inode(t, r), inode(t, f))
	require.NoError(t, f.Close())
	drop(t, o)
}

func BenchmarkPutGet(b *testing.B) {
	_, w := pipe(b)
	keep, err := Put(descriptorOf(w)) // the store is there
	require.NoError(b, err)
	for b.Loop() {
		o, err := Put(descriptorOf(w))
		require.NoError(b, err)
		fd, err := Get(o.Ref())
		require.NoError(b, err)
		require.NoError(b, syscall.Close(fd))
		require.NoError(b, o.Drop())
	}
	require.NoError(b, keep.Drop())
}
