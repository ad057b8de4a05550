//go:build linux

package fdstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/trial"
)

// A member is a child that shares the arena with the test.
type member struct {
	t    testing.TB
	proc *spawn.Process
	dead bool
}

// start starts a child with a scenario. It is killed when the test ends.
func start(t testing.TB, scenario string, args ...string) *member {
	t.Helper()
	return startAs(t, nil, scenario, args...)
}

// startAs is start for a child of another sort.
func startAs(t testing.TB, attr *syscall.SysProcAttr, scenario string, args ...string) *member {
	t.Helper()
	proc, err := spawn.Start(&spawn.Command{
		Setup: spawn.Setup{Role: spawn.Target, Name: scenario, Arg: []byte(strings.Join(args, "\n"))},
		Attr:  attr,
	})
	if attr != nil && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL)) {
		t.Skip("this root may not start processes of other users, or in other namespaces")
	}
	require.NoError(t, err)
	m := &member{t: t, proc: proc}
	t.Cleanup(m.kill)
	require.Empty(t, m.frame(ipc.KindHello))
	return m
}

func (m *member) frame(kind ipc.Kind) string {
	m.t.Helper()
	require.NoError(m.t, m.proc.Reports.SetDeadline(time.Now().Add(trial.Patience)))
	f, err := m.proc.Reports.Next()
	require.NoError(m.t, err)
	require.Equal(m.t, kind, f.Kind, "%s", f.Body)
	return string(f.Body)
}

// line waits for a line of the child.
func (m *member) line() string {
	m.t.Helper()
	return m.frame(ipc.KindReport)
}

// tell sends the child a line.
func (m *member) tell(line string) {
	m.t.Helper()
	frame, err := ipc.AppendFrame(nil, ipc.KindStop, 0, []byte(line))
	require.NoError(m.t, err)
	m.proc.Tell(frame)
}

// kill ends the child by SIGKILL, and waits for its end. It must not have failed
// before.
func (m *member) kill() {
	if m.dead {
		return
	}
	m.dead = true
	_ = m.proc.Signal(syscall.SIGKILL)
	m.proc.Wait()
	for {
		f, err := m.proc.Reports.Next()
		if err != nil {
			break // the end, perhaps in the middle of a line
		}
		assert.False(m.t, strings.HasPrefix(string(f.Body), "error: "), "%s", f.Body)
	}
	m.proc.Release()
}

func refText(r shm.Ref) string {
	return fmt.Sprintf("%d:%d:%d:%d", r.Cell, r.Generation, r.Kind, r.Hash)
}

func parseRef(text string) (r shm.Ref) {
	if _, err := fmt.Sscanf(text, "%d:%d:%d:%d", &r.Cell, &r.Generation, &r.Kind, &r.Hash); err != nil {
		panic(text + ": " + err.Error())
	}
	return r
}

// arena returns the family's memory.
func arena(t testing.TB) *shm.Arena {
	t.Helper()
	a, err := shm.Default()
	require.NoError(t, err)
	return a
}

// descriptorOf returns the number of a file, which stays open.
func descriptorOf(f *os.File) (fd int) {
	rc, err := f.SyscallConn()
	if err == nil {
		err = rc.Control(func(n uintptr) { fd = int(n) })
	}
	if err != nil {
		panic(err)
	}
	return fd
}

// put puts a file, which is closed afterwards: the store has the only descriptor.
func put(t testing.TB, f *os.File) *shm.Object {
	t.Helper()
	o, err := Put(descriptorOf(f))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return o
}

// get gets what an object stands for.
func get(t testing.TB, r shm.Ref) *os.File {
	t.Helper()
	f, err := getFile(r)
	require.NoError(t, err)
	return f
}

func getFile(r shm.Ref) (*os.File, error) {
	fd, err := Get(r)
	if err != nil {
		return nil, err
	}
	return sys.NewFile(fd, "got")
}

// drop gives up an object that this test has.
func drop(t testing.TB, o *shm.Object) {
	t.Helper()
	require.NoError(t, o.Drop())
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := sys.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

// inode tells a file from all others that are open.
func inode(t testing.TB, f *os.File) uint64 {
	t.Helper()
	n, err := sys.Inode(f)
	require.NoError(t, err)
	return n
}

// ended waits for the end of what a pipe carries: nobody has its other end any more.
func ended(t testing.TB, r *os.File) {
	t.Helper()
	require.NoError(t, r.SetReadDeadline(time.Now().Add(trial.Patience)))
	_, err := r.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// recorded returns where the record says that the store is.
func recorded(t testing.TB) place {
	t.Helper()
	o, err := rootOf(arena(t))
	require.NoError(t, err)
	r, err := recordOf(o)
	require.NoError(t, err)
	_, err = o.LockWord().Acquire(t.Context(), nil)
	require.NoError(t, err)
	defer o.LockWord().ReleaseOwn()
	return r.read()
}

// killStore kills the store that there is, and waits until that is known.
func killStore(t testing.TB) {
	t.Helper()
	p := recorded(t)
	require.NoError(t, syscall.Kill(int(p.pid), syscall.SIGKILL))
	trial.Until(t, "the store is dead", func() bool { return !arena(t).Alive(p.owner) })
}

// noStore waits until there is none, which has to hold nothing.
func noStore(t testing.TB) {
	t.Helper()
	p := recorded(t)
	trial.Until(t, "the store leaves", func() bool { return p.owner == 0 || !arena(t).Alive(p.owner) })
}

// descriptors counts the open descriptors of a store when nobody asks it for
// anything: then its only socket is the one on which it listens.
func descriptors(t testing.TB, pid int) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	trial.Until(t, "the store is at rest", func() bool {
		list, err := os.ReadDir(dir)
		require.NoError(t, err)
		sockets := 0
		for _, fd := range list {
			if target, err := os.Readlink(filepath.Join(dir, fd.Name())); err != nil || strings.HasPrefix(target, "socket:") {
				sockets++
			}
		}
		n = len(list)
		return sockets <= 1
	})
	return n
}

// gone says whether a process has ended.
func gone(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return true
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}
