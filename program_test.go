//go:build linux

package mp_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// programs is the directory of the programs that this run of the tests has
// built; it is removed at its end.
var programs = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "testprog-") })

func removePrograms() {
	if dir, err := programs(); err == nil {
		os.RemoveAll(dir)
	}
}

// program is the path of internal/testprog, built like this test binary.
var program = sync.OnceValues(func() (string, error) {
	if raceEnabled {
		return build("race", "CGO_ENABLED=1", "-race")
	}
	return build("plain", "CGO_ENABLED=0")
})

// staticProgram needs no other file to run.
var staticProgram = sync.OnceValues(func() (string, error) { return build("static", "CGO_ENABLED=0") })

func build(name, env string, flags ...string) (string, error) {
	dir, err := programs()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), "./internal/testprog")...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), env), os.Stderr, os.Stderr
	return path, cmd.Run()
}

// programCommand returns the command that runs a program of internal/testprog.
// It is killed, with all of its group, at the end of the test.
func programCommand(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = programEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	})
	return cmd
}

// outcome is what a program that has ended has said.
type outcome struct {
	stdout, stderr string
	code           int // as Process.ExitCode
}

// programEnv is the environment for programs: the race detector lets them end
// at once.
func programEnv() []string { return append(os.Environ(), "GORACE=atexit_sleep_ms=0") }

// runProgram runs a program to its end.
func runProgram(t testing.TB, args ...string) outcome {
	t.Helper()
	return finish(t, programCommand(bounded(t), t, args...))
}

// finish runs a command to its end.
func finish(t testing.TB, cmd *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &stderr
	}
	require.NoError(t, cmd.Start())
	return ended(t, cmd, &stdout, &stderr)
}

func ended(t testing.TB, cmd *exec.Cmd, stdout, stderr *bytes.Buffer) outcome {
	t.Helper()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil {
		require.ErrorAs(t, err, &exit, "stdout %s\nstderr %s", stdout, stderr)
	}
	o := outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		o.code = -int(status.Signal())
	}
	return o
}

// births counts the processes that a program consists of, and checks at the
// end that none of them is left.
func births(t testing.TB, cmd *exec.Cmd) func() int {
	t.Helper()
	path := filepath.Join(t.TempDir(), "births")
	cmd.Env = append(programEnv(), "TESTPROG_BIRTHS="+path)
	return func() int {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		eventually(t, "all processes of the program end", func() bool { return groupGone(t, cmd.Process.Pid) })
		return strings.Count(string(text), "\n")
	}
}

// groupGone says whether no process of a group is left, but for zombies: nobody
// may be there to reap the orphans.
func groupGone(t testing.TB, group int) bool {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		text, _ := os.ReadFile(path) // it may just have ended
		_, after, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(after); len(f) > 2 && f[0] != "Z" && f[2] == strconv.Itoa(group) {
			return false
		}
	}
	return true
}
