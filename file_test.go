//go:build linux

package mp_test

import (
	"context"
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

	"github.com/multiproc/mp"
)

// pipeEnds are both ends of a pipe of the system.
func pipeEnds(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = r.Close()
		_ = w.Close()
	})
	return r, w
}

// allFrom reads until the last copy of the other end has been closed.
func allFrom(t testing.TB, r *os.File) string {
	t.Helper()
	require.NoError(t, r.SetReadDeadline(time.Now().Add(patience)))
	all, err := io.ReadAll(r)
	require.NoError(t, err, "somebody still has the other end")
	return string(all)
}

// inscription is a text for a file.
type inscription struct {
	File *os.File
	Text string
}

var writeTo = mp.Action(func(_ context.Context, i inscription) error {
	_, err := i.File.WriteString(i.Text)
	return errors.Join(err, i.File.Close())
})

// writeFrom receives the file when low numbers are in use.
var writeFrom = mp.Action(func(ctx context.Context, q *mp.Queue[inscription]) error {
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		if int(f.Fd()) > 256 {
			break
		}
		defer f.Close()
	}
	i, err := q.Get(ctx)
	if err != nil {
		return err
	}
	if i.File.Fd() <= 256 {
		return errors.New("a low number was free")
	}
	_, err = i.File.WriteString(i.Text)
	return errors.Join(err, i.File.Close())
})

func TestCONN09_AChildWritesToAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, join(t, launch(t, writeTo.With(inscription{File: f, Text: "foo"}))))

	const high = 300
	require.NoError(t, syscall.Dup3(int(f.Fd()), high, syscall.O_CLOEXEC))
	require.NoError(t, f.Close())
	other := os.NewFile(high, path)
	require.NoError(t, join(t, launch(t, writeTo.With(inscription{File: other, Text: "bar"}))))

	q := made[*mp.Queue[inscription]](t)(mp.NewQueue[inscription](0))
	require.NoError(t, q.Put(t.Context(), inscription{File: other, Text: "baz"}))
	require.NoError(t, other.Close())
	require.NoError(t, join(t, launch(t, writeFrom.With(q))))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "foobarbaz", string(text))
}

// folder is files in all kinds of places.
type folder struct {
	One  *os.File
	None *os.File
	Some []*os.File
	By   map[string]*os.File
	Deep *struct{ Pair [2]*os.File }
	Hops int // how many processes it goes on to
}

func (f folder) all() []*os.File {
	return []*os.File{f.One, f.Some[0], f.Some[2], f.By["a"], f.Deep.Pair[0], f.Deep.Pair[1]}
}

func (f folder) close() (err error) {
	for _, file := range f.all() {
		err = errors.Join(err, file.Close())
	}
	return err
}

var fillFolder *mp.Task[folder, mp.None]

func init() {
	// fillFolder hands the files on, and closes its own; the last one writes to them.
	fillFolder = mp.Action(func(ctx context.Context, f folder) error {
		if f.None != nil || f.Some[1] != nil || f.By["none"] != nil || len(f.By) != 2 {
			return errors.New("a nil file has arrived as another")
		}
		if f.Hops > 0 {
			f.Hops--
			p := mp.NewProcess(fillFolder.With(f))
			err := errors.Join(p.Start(), f.close())
			return errors.Join(err, p.Join(ctx))
		}
		for i, file := range f.all() {
			if _, err := fmt.Fprintf(file, "%d %s\n", i, file.Name()); err != nil {
				return err
			}
		}
		return f.close()
	})
}

func TestFilesTravelWhereverTheyAre(t *testing.T) {
	for hops := range 3 {
		r, w := pipeEnds(t)
		f := folder{One: w, Some: []*os.File{w, nil, w}, By: map[string]*os.File{"a": w, "none": nil}, Hops: hops}
		f.Deep = &struct{ Pair [2]*os.File }{[2]*os.File{w, w}}
		p := launch(t, fillFolder.With(f))
		require.NoError(t, w.Close())
		var want strings.Builder
		for i := range f.all() {
			fmt.Fprintf(&want, "%d %s\n", i, w.Name())
		}
		assert.Equal(t, want.String(), allFrom(t, r))
		require.NoError(t, join(t, p))
	}
}

// A file keeps its name, and the mode that it has: one with deadlines has them on both
// sides, and one that blocks has them on none.
func TestFilesArriveAsTheyWere(t *testing.T) {
	q := made[*mp.Queue[*os.File]](t)(mp.NewQueue[*os.File](0))
	through := func(f *os.File) *os.File {
		t.Helper()
		require.NoError(t, q.Put(t.Context(), f))
		got, err := q.TryGet()
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, got.Close()) })
		return got
	}
	r, w := pipeEnds(t)
	got := through(r)
	assert.Equal(t, r.Name(), got.Name())
	for _, f := range []*os.File{got, r} {
		require.NoError(t, f.SetReadDeadline(time.Now().Add(-time.Second)))
		_, err := f.Read(make([]byte, 1))
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	_, err := w.WriteString("x")
	require.NoError(t, err)
	require.NoError(t, got.SetReadDeadline(time.Now().Add(patience)))
	n, err := got.Read(make([]byte, 2))
	require.NoError(t, err)
	assert.Equal(t, 1, n)

	var fds [2]int
	require.NoError(t, syscall.Pipe2(fds[:], syscall.O_CLOEXEC))
	blocking, other := os.NewFile(uintptr(fds[0]), "b"), os.NewFile(uintptr(fds[1]), strings.Repeat("long", 5000))
	defer blocking.Close()
	defer other.Close()
	assert.ErrorIs(t, through(blocking).SetReadDeadline(time.Now()), os.ErrNoDeadline)
	assert.ErrorIs(t, blocking.SetReadDeadline(time.Now()), os.ErrNoDeadline)
	assert.Equal(t, strings.Repeat("long", 1024), through(other).Name())

	disk, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer disk.Close()
	_, err = disk.WriteString("one place for both")
	require.NoError(t, err)
	same := through(disk)
	assert.Equal(t, disk.Name(), same.Name())
	at, err := same.Seek(0, io.SeekCurrent)
	require.NoError(t, err)
	assert.EqualValues(t, len("one place for both"), at)
}

func TestFilesThatCannotBeSent(t *testing.T) {
	q := made[*mp.Queue[*os.File]](t)(mp.NewQueue[*os.File](0))
	r, _ := pipeEnds(t)
	require.NoError(t, r.Close())
	assert.ErrorIs(t, q.Put(t.Context(), r), os.ErrClosed)
	err := q.Put(t.Context(), new(os.File))
	assert.ErrorIs(t, err, os.ErrInvalid)
	assert.ErrorContains(t, err, "nobody has opened")
	assert.ErrorIs(t, mp.NewProcess(writeTo.With(inscription{File: r})).Start(), os.ErrClosed)
	require.NoError(t, q.Put(t.Context(), nil))
	got, err := q.TryGet()
	require.NoError(t, err)
	assert.Nil(t, got)
	assert.Zero(t, q.Len())
}

// putFile puts a file of its own into a queue, and stays until it is killed.
var putFile = mp.Action(func(ctx context.Context, q *mp.Queue[*os.File]) error {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return err
	}
	if err := q.Put(ctx, f); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
})

// Files travel to and from children of other users.
func TestFilesOfOtherUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can start processes of other users")
	}
	nobody := func(p *mp.Process) {
		p.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}}
		p.Dir = "/"
	}
	r, w := pipeEnds(t)
	p := launch(t, writeTo.With(inscription{File: w, Text: "from another user"}), nobody)
	require.NoError(t, w.Close())
	assert.Equal(t, "from another user", allFrom(t, r))
	require.NoError(t, join(t, p))

	q := made[*mp.Queue[*os.File]](t)(mp.NewQueue[*os.File](0))
	p = launch(t, putFile.With(q), nobody)
	f, err := q.Get(bounded(t))
	require.NoError(t, err)
	defer f.Close()
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	assert.Contains(t, string(text), fmt.Sprintf("\nPid:\t%d\n", p.PID()))
	assert.Contains(t, string(text), "\nUid:\t65534\t")
}
