//go:build linux

package shm

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/sys"
	"github.com/multiproc/mp/internal/trial"
)

// Names of this package for what all tests have in common.
const patience = trial.Patience

var (
	until  = trial.Until
	kills  = trial.Kills
	random = trial.Random
)

// kept keeps the arenas of tests: the kernel has addresses in them until the end.
var kept struct {
	sync.Mutex
	arenas []*Arena
}

// fresh returns an arena of a test's own, of 1 GiB.
func fresh(t testing.TB) *Arena { return freshOf(t, 1<<30) }

func freshOf(t testing.TB, size uint64) *Arena {
	t.Helper()
	f, err := sys.SparseFile("mp-arena-test", int64(size))
	require.NoError(t, err)
	head := binary.NativeEndian.AppendUint64(nil, magic)
	head = binary.NativeEndian.AppendUint64(head, size)
	head = binary.NativeEndian.AppendUint32(head, version)
	_, err = f.WriteAt(head, 0)
	require.NoError(t, err)
	t.Cleanup(func() {
		// The address space stays, for the keeper and what the collector may find.
		_ = sys.Punch(f, int64(size/16), int64(size-size/16))
		f.Close()
	})
	return another(t, f)
}

// another maps an arena once more, as if by another process.
func another(t testing.TB, f *os.File) *Arena {
	t.Helper()
	a, err := attach(f)
	require.NoError(t, err)
	kept.Lock()
	kept.arenas = append(kept.arenas, a)
	kept.Unlock()
	return a
}

// A member is a child that shares an arena with the test.
type member struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan string
	stderr bytes.Buffer
	waited bool
}

// start starts a child with a scenario. It is killed when the test ends.
func start(t testing.TB, a *Arena, scenario string, args ...string) *member {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	return begin(t, a, scenario, cmd)
}

func begin(t testing.TB, a *Arena, scenario string, cmd *exec.Cmd) *member {
	t.Helper()
	m := &member{t: t, cmd: cmd, lines: make(chan string, 1000)}
	cmd.Env = append(os.Environ(), scenarioVariable+"="+scenario, "GORACE=atexit_sleep_ms=0")
	if a != nil {
		cmd.ExtraFiles = []*os.File{a.file}
	}
	cmd.Stderr = &m.stderr
	var err error
	m.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		for out := bufio.NewScanner(stdout); out.Scan(); {
			m.lines <- out.Text()
		}
		close(m.lines)
	}()
	t.Cleanup(m.kill)
	return m
}

// tell sends the child a line.
func (m *member) tell(format string, args ...any) {
	m.t.Helper()
	_, err := fmt.Fprintf(m.stdin, format+"\n", args...)
	require.NoError(m.t, err)
}

// line waits for a line of the child.
func (m *member) line() string {
	m.t.Helper()
	select {
	case line, ok := <-m.lines:
		if !ok {
			_ = m.wait()
			require.FailNow(m.t, "the child has ended", m.stderr.String())
		}
		return line
	case <-time.After(patience):
		require.FailNow(m.t, "the child says nothing", "goroutines: %s", m.stacks())
		return ""
	}
}

// expect waits for exactly that line.
func (m *member) expect(want string) {
	m.t.Helper()
	require.Equal(m.t, want, m.line())
}

// stacks makes the child say what it is doing.
func (m *member) stacks() string {
	_ = m.cmd.Process.Signal(syscall.SIGQUIT)
	_ = m.wait()
	text := m.stderr.String()
	return text[:min(len(text), 8000)]
}

func (m *member) signal(s syscall.Signal) {
	m.t.Helper()
	require.NoError(m.t, m.cmd.Process.Signal(s))
}

// kill ends the child by SIGKILL, and waits for its end.
func (m *member) kill() {
	if !m.waited {
		_ = m.cmd.Process.Kill()
		_ = m.wait()
	}
}

// wait waits for the child's end.
func (m *member) wait() error {
	if m.waited {
		return nil
	}
	m.waited = true
	for range m.lines { // until the end of its output
	}
	return m.cmd.Wait()
}

// state returns the state of the child's process: R, S, T, Z.
func (m *member) state() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.cmd.Process.Pid))
	if err != nil {
		return "gone"
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

// within fails the test if fn does not return in time.
func within(t testing.TB, d time.Duration, what string, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(d):
		require.FailNow(t, "it hangs: "+what)
	}
}
