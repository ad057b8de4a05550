//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

var copyStdin = mp.Action0(func(context.Context) error {
	_, err := io.Copy(os.Stdout, os.Stdin)
	return err
})

func TestStreamsThatWereAskedFor(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	out := outputFile(t)
	p := launch(t, copyStdin.With(none), func(p *mp.Process) { p.Stdin, p.Stdout = r, out })
	_, err = io.WriteString(w, "through the child")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, join(t, p))
	assert.Equal(t, "through the child", content(t, out))
}

// A file that was closed too early is no silence: its output would be lost.
func TestStreamsThatWereAskedForAreOpen(t *testing.T) {
	f := outputFile(t)
	require.NoError(t, f.Close())
	for name, set := range map[string]func(p *mp.Process){
		"stdin":  func(p *mp.Process) { p.Stdin = f },
		"stdout": func(p *mp.Process) { p.Stdout = f },
		"stderr": func(p *mp.Process) { p.Stderr = f },
	} {
		p := mp.NewProcess(copyStdin.With(none))
		set(p)
		err := p.Start()
		require.ErrorIs(t, err, os.ErrClosed)
		require.ErrorContains(t, err, name+": ")
	}
}

var isOpen = mp.Func(func(_ context.Context, fd int) (bool, error) {
	var st syscall.Stat_t
	switch err := syscall.Fstat(fd, &st); err {
	case nil:
		return true, nil
	case syscall.EBADF:
		return false, nil
	default:
		return false, err
	}
})

func TestSTART11_StrayDescriptorsDoNotReachTheChild(t *testing.T) {
	leaktest.Check(t)
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0) // not close-on-exec
	require.NoError(t, err)
	defer syscall.Close(pair[0])
	defer syscall.Close(pair[1])
	const high = 200
	require.NoError(t, syscall.Dup3(pair[0], high, 0))
	defer syscall.Close(high)
	for _, fd := range []int{pair[0], pair[1], high} {
		open, err := mp.Run(bounded(t), isOpen.With(fd))
		require.NoError(t, err)
		assert.False(t, open, "descriptor %d", fd)
	}
}

// echoLine sends the line that comes on descriptor 3 back on 4.
var echoLine = mp.Action0(func(context.Context) error {
	_, err := io.Copy(os.NewFile(4, "out"), os.NewFile(3, "in"))
	return err
})

func TestSTART12_TheParentMayCloseItsCopiesAtOnce(t *testing.T) {
	leaktest.Check(t)
	for i := range 50 {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		box, theirs := newMailbox(t)
		p := launch(t, echoLine.With(none), func(p *mp.Process) { p.ExtraFiles = []*os.File{r, theirs} })
		require.NoError(t, r.Close())
		require.NoError(t, theirs.Close())
		_, err = fmt.Fprintln(w, i)
		require.NoError(t, err)
		assert.Equal(t, i, box.number(t))
		require.NoError(t, w.Close())
		require.NoError(t, join(t, p))
	}
}

var echoConn = mp.Action0(func(context.Context) error {
	conn, err := net.FileConn(os.NewFile(3, "conn"))
	if err != nil {
		return err
	}
	_, err = io.CopyN(conn, conn, 2)
	return err
})

func TestSTART16_ASocketAsExtraFile(t *testing.T) {
	leaktest.Check(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	mine, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer mine.Close()
	theirs, err := l.Accept()
	require.NoError(t, err)
	file, err := theirs.(*net.TCPConn).File()
	require.NoError(t, err)
	require.NoError(t, theirs.Close())
	p := launch(t, echoConn.With(none), func(p *mp.Process) { p.ExtraFiles = []*os.File{file} })
	require.NoError(t, file.Close())
	_, err = io.WriteString(mine, "42")
	require.NoError(t, err)
	got, err := io.ReadAll(mine)
	require.NoError(t, err)
	assert.Equal(t, "42", string(got), "and the end of the child is the end of the stream")
	require.NoError(t, join(t, p))
}

func TestSTART19_AChildHoldsOnlyWhatItWasGiven(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, hang.With(none))
	box.next(t)
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, e := range entries {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", p.PID(), e.Name()))
		require.NoError(t, err)
		kind, _, _ := strings.Cut(target, ":")
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 && !strings.HasPrefix(target, "anon_inode:") {
			kinds[kind]++
		}
	}
	assert.Equal(t, 3, kinds["pipe"], "the mailbox, control and reports: %v", kinds)
	delete(kinds, "pipe")
	for kind, n := range kinds { // the memory for the crash text, the cgroup files of the runtime
		assert.True(t, strings.HasPrefix(kind, "/memfd") || strings.HasPrefix(kind, "/sys/") || strings.HasPrefix(kind, "/proc/"), "%d of %s", n, kind)
	}
	require.NoError(t, p.Kill())
	failed(t, join(t, p))
	assert.Empty(t, box.rest(t), "the end that it was given is closed with it")
}

// A stray writer that holds descriptors of this process must not hold up the
// end of a child: the command below outlives it.
var leaveProgram = mp.Action0(func(context.Context) error {
	cmd := exec.Command("sleep", "100")
	if err := cmd.Start(); err != nil {
		return err
	}
	say(cmd.Process.Pid)
	return nil
})

func TestSTART19_AProgramOfAChildDoesNotHoldUpItsEnd(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, leaveProgram.With(none))
	pid := box.number(t)
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	require.NoError(t, join(t, p))
	assert.False(t, gone(pid))
}
