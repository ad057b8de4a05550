package spawn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/sys"
)

// beChild is what a child of these tests does; its name says what.
func beChild(in *Inheritance) {
	s, err := in.Setup()
	if err != nil {
		in.Refuse(err)
	}
	switch s.Name {
	case "refuse":
		in.Refuse(errors.New("not today"))
	case "crash":
		_ = in.Send(ipc.KindHello, nil)
		panic("goodbye")
	case "describe":
		_ = in.Send(ipc.KindHello, nil)
		_ = in.Send(ipc.KindReport, fmt.Appendf(nil, "%s %s %d %v %q %d %d\n%s", s.Identity, s.ParentName, s.ParentPID, s.Daemon,
			os.Getenv(marker)+os.Getenv("GORACE"), len(s.Arg), os.Getpid(), descriptors()))
	case "follow": // until the life-line breaks
		_ = in.Send(ipc.KindHello, nil)
		for {
			f, err := in.Control.Next()
			if err != nil {
				_ = in.Send(ipc.KindReport, fmt.Append(nil, err))
				os.Exit(7)
			}
			_ = in.Send(f.Kind, f.Body)
		}
	case "work":
		l, err := in.Ledger()
		if err != nil {
			in.Refuse(err)
		}
		_ = in.Send(ipc.KindHello, nil)
		f, err := in.Tasks.Next()
		if err != nil || !l.Claim(0, f.Number, 3) {
			os.Exit(9)
		}
		*l.Marks().Started = 2
		*l.Marks().Done = 1
		_ = in.Send(ipc.KindResult, f.Body)
		panic("behind the ledger")
	}
	os.Exit(0)
}

// descriptors lists what is open in this process, but for the standard streams,
// and says which would be inherited by programs that it runs.
func descriptors() string {
	var text strings.Builder
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		fd, _ := strconv.Atoi(filepath.Base(link))
		target, err := os.Readlink(link)
		if err != nil || fd <= 2 {
			continue
		}
		info, _ := os.ReadFile("/proc/self/fdinfo/" + filepath.Base(link))
		var flags int
		for line := range strings.Lines(string(info)) {
			_, _ = fmt.Sscanf(line, "flags: %o", &flags)
		}
		kind, _, _ := strings.Cut(target, ":")
		if flags&syscall.O_CLOEXEC == 0 {
			kind += " is inherited"
		}
		fmt.Fprintf(&text, "%d %s\n", fd, kind)
	}
	return text.String()
}

// raise starts a child.
func raise(t *testing.T, c *Command) *Process {
	t.Helper()
	p, err := Start(c)
	require.NoError(t, err)
	require.NoError(t, p.Reports.SetDeadline(time.Now().Add(HandshakeTimeout)))
	t.Cleanup(func() {
		_ = p.Signal(syscall.SIGKILL)
		p.Release()
		p.Unmap()
	})
	return p
}

func next(t *testing.T, p *Process, kind ipc.Kind) []byte {
	t.Helper()
	f, err := p.Reports.Next()
	require.NoError(t, err)
	require.Equal(t, kind, f.Kind, "%s", f.Body)
	return f.Body
}

func TestChildInheritsItsChannelsAndNothingElse(t *testing.T) {
	leaked, err := syscall.Dup(0) // open here, and not close-on-exec
	require.NoError(t, err)
	defer syscall.Close(leaked)
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "describe", Identity: "4", ParentName: "Me", ParentPID: os.Getpid(), Daemon: true}})
	next(t, p, ipc.KindHello)
	head, open, _ := strings.Cut(string(next(t, p, ipc.KindReport)), "\n")
	assert.Equal(t, fmt.Sprintf(`4 Me %d true %q 0 %d`, os.Getpid(), os.Getenv("GORACE"), p.PID), head)
	assert.NotContains(t, open, "is inherited", "by the programs that the child runs")
	var low []string
	for line := range strings.Lines(open) {
		var fd int
		var what string
		_, _ = fmt.Sscan(line, &fd, &what)
		if fd < 40 && what != "anon_inode" && what != "/memfd" /* the runtime's, for the crash text */ && !strings.HasPrefix(what, "/proc/") && !strings.HasPrefix(what, "/sys/") {
			low = append(low, line)
		}
	}
	assert.Empty(t, low, "the channels have high numbers, and what leaked is closed")
	assert.Equal(t, 2, strings.Count(open, "pipe\n"), "control and reports:\n%s", open)
	exit := p.Wait()
	assert.Equal(t, 0, exit.Code)
	assert.True(t, exit.Known)
	assert.Empty(t, p.LastWords())
}

func TestExtraFilesComeFirst(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "describe"}, Extra: []*os.File{w}})
	next(t, p, ipc.KindHello)
	assert.Contains(t, string(next(t, p, ipc.KindReport)), "\n3 pipe is inherited\n", "the user's file is at 3, and stays so")
	p.Wait()
}

func TestSetupLargerThanThePipe(t *testing.T) {
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "describe", Arg: make([]byte, 5<<20)}})
	next(t, p, ipc.KindHello)
	assert.Contains(t, string(next(t, p, ipc.KindReport)), " 5242880 ")
	p.Wait()
}

// What is told meanwhile comes behind the setup, not into the middle of it.
func TestTellDuringTheHandOver(t *testing.T) {
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "follow", Arg: make([]byte, 5<<20)}})
	for i := range byte(3) {
		stop, err := ipc.AppendFrame(nil, ipc.KindStop, 0, []byte{i})
		require.NoError(t, err)
		p.Tell(stop)
	}
	next(t, p, ipc.KindHello)
	for i := range byte(3) {
		assert.Equal(t, []byte{i}, next(t, p, ipc.KindStop))
	}
	require.NoError(t, p.Signal(syscall.SIGKILL))
	p.Wait()
}

// A child that never reads is given up without waiting for it.
func TestReleaseDuringTheHandOver(t *testing.T) {
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "follow", Arg: make([]byte, 5<<20)}})
	require.NoError(t, p.Signal(syscall.SIGKILL))
	stop, err := ipc.AppendFrame(nil, ipc.KindStop, 0, nil)
	require.NoError(t, err)
	p.Tell(stop)
	released := make(chan struct{})
	go func() {
		p.Wait()
		p.Release()
		close(released)
	}()
	select {
	case <-released:
	case <-time.After(HandshakeTimeout):
		t.Fatal("Release still waits")
	}
	p.Tell(stop)
}

func TestControlIsTheLifeLine(t *testing.T) {
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "follow"}})
	next(t, p, ipc.KindHello)
	stop, err := ipc.AppendFrame(nil, ipc.KindStop, 0, nil)
	require.NoError(t, err)
	p.Tell(stop)
	next(t, p, ipc.KindStop)
	require.NoError(t, p.control.Close())
	assert.Equal(t, "EOF", string(next(t, p, ipc.KindReport)))
	assert.Equal(t, 7, p.Wait().Code)
	_, err = p.Reports.Next()
	assert.Equal(t, io.EOF, err)
}

func TestRefusalArrives(t *testing.T) {
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "refuse"}})
	assert.Equal(t, "not today", string(next(t, p, ipc.KindRefuse)))
	assert.Equal(t, 1, p.Wait().Code)
}

func TestAnotherBuildIsRefused(t *testing.T) {
	mine := image
	defer func() { image = mine }()
	image = func() (sys.Image, error) { return sys.Image{Ino: 1}, nil }
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "describe"}})
	assert.Contains(t, string(next(t, p, ipc.KindRefuse)), "the child runs another build than its parent")
	assert.Equal(t, 1, p.Wait().Code)
}

func TestLastWords(t *testing.T) {
	quiet, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer quiet.Close()
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "crash"}, Stderr: quiet})
	next(t, p, ipc.KindHello)
	assert.Equal(t, 2, p.Wait().Code)
	assert.Contains(t, p.LastWords(), "panic: goodbye")
}

func TestWorkerSharesItsLedger(t *testing.T) {
	quiet, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer quiet.Close()
	p := raise(t, &Command{Setup: Setup{Role: Worker, Name: "work"}, Stderr: quiet})
	next(t, p, ipc.KindHello)
	call, err := ipc.AppendFrame(nil, ipc.KindCall, 0, []byte("body"))
	require.NoError(t, err)
	_, err = p.Tasks.Write(call)
	require.NoError(t, err)
	assert.Equal(t, "body", string(next(t, p, ipc.KindResult)))
	assert.Equal(t, 2, p.Wait().Code)
	assert.EqualValues(t, 3, p.Ledger.Claimed())
	assert.EqualValues(t, 2, p.Ledger.Started())
	assert.EqualValues(t, 1, p.Ledger.Done())
	assert.Contains(t, p.LastWords(), "panic: behind the ledger", "the crash text does not touch the ledger")
	info, err := p.memory.Stat()
	require.NoError(t, err)
	assert.Greater(t, info.Size(), int64(ledger.Size))
}

func TestSignalReachesOnlyTheChild(t *testing.T) {
	p := raise(t, &Command{Setup: Setup{Role: Target, Name: "follow"}})
	next(t, p, ipc.KindHello)
	assert.False(t, p.Signalled(syscall.SIGKILL))
	require.NoError(t, p.Signal(syscall.SIGKILL))
	exit := p.Wait()
	assert.Equal(t, syscall.SIGKILL, exit.Signal)
	assert.True(t, p.Signalled(exit.Signal))
	assert.NoError(t, p.Signal(syscall.SIGTERM), "one that has ended is no error")
	p.Release()
	p.Release()
	assert.NoError(t, p.Signal(syscall.SIGTERM))
}

func TestStartFailureNamesTheProcess(t *testing.T) {
	_, err := Start(&Command{Setup: Setup{Role: Target, Name: "X"}, Dir: "/nowhere/at/all"})
	assert.ErrorContains(t, err, "mp: cannot start process X: ")
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = Start(&Command{Setup: Setup{Role: Target, Name: "X"}, Extra: []*os.File{nil}})
	assert.ErrorContains(t, err, "file 3 is nil")
}

// The marker can leak into programs that a child's sibling runs, or be typed in
// by somebody: only the pipe that it names makes a process a child.
func TestLeakedMarkerIsIgnored(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	inode, err := sys.Inode(r)
	require.NoError(t, err)
	for name, value := range map[string]string{
		"empty":               "",
		"no numbers":          "yes",
		"too few":             "3:3",
		"a foreign inode":     fmt.Sprintf("3:3:%d", inode+1),
		"no such descriptor":  fmt.Sprintf("99:3:%d", inode),
		"a negative one":      fmt.Sprintf("-1:3:%d", inode),
		"a file and no pipe":  fmt.Sprintf("0:3:%d", inode),
		"a number too large":  "99999999999999999999:3:1",
		"trailing characters": fmt.Sprintf("4:3:%dx", inode),
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), marker+"="+value, "SPAWN_TEST_LEAK=1", "GORACE=atexit_sleep_ms=0")
			cmd.ExtraFiles = []*os.File{r} // a pipe at 3, but not the one that the marker names
			var out bytes.Buffer
			cmd.Stdout = &out
			assert.NoError(t, cmd.Run())
			assert.Equal(t, "an ordinary program", out.String())
		})
	}
}
