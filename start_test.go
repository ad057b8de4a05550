package mp_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

// surroundings is what a process finds around it.
type surroundings struct {
	Args, Env []string
	Dir       string
}

func look() (s surroundings, err error) {
	s.Args, s.Env = os.Args, os.Environ()
	s.Dir, err = os.Getwd()
	return s, err
}

var lookAround *mp.Task[int, surroundings]

func init() {
	lookAround = mp.Func(func(ctx context.Context, depth int) (surroundings, error) {
		if depth > 0 {
			return mp.Run(ctx, lookAround.With(depth-1))
		}
		return look()
	})
}

func TestSTART04_ChildAndGrandchildSeeTheSameSurroundings(t *testing.T) {
	leaktest.Check(t)
	t.Chdir(t.TempDir())
	t.Setenv("MP_TEST_VARIABLE", "set before the start")
	want, err := look()
	require.NoError(t, err)
	for depth := range 2 {
		got, err := mp.Run(bounded(t), lookAround.With(depth))
		require.NoError(t, err)
		assert.Equal(t, want.Args, got.Args)
		assert.Equal(t, want.Dir, got.Dir)
		assert.ElementsMatch(t, want.Env, got.Env, "nothing more, nothing less")
	}
}

var sayVariable = mp.Action0(func(context.Context) error {
	dir, err := os.Getwd()
	say(os.Getenv("MP_TEST_VARIABLE"), dir)
	return err
})

func TestSTART05_EnvAndDirOfOneProcess(t *testing.T) {
	t.Setenv("MP_TEST_VARIABLE", "global")
	here, err := os.Getwd()
	require.NoError(t, err)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for _, c := range []struct {
		set  func(*mp.Process)
		want string
	}{
		{func(p *mp.Process) { p.Env = append(os.Environ(), "MP_TEST_VARIABLE=own") }, "own " + here},
		{func(p *mp.Process) { p.Env = []string{} }, " " + here},
		{func(p *mp.Process) { p.Dir = dir }, "global " + dir},
		{func(*mp.Process) {}, "global " + here},
	} {
		p, box := launchTalking(t, sayVariable.With(none), c.set)
		assert.Equal(t, c.want, box.next(t))
		require.NoError(t, join(t, p))
	}
}

func TestSTART06_AFailedStartLeavesNothing(t *testing.T) {
	leaktest.Check(t)
	p := mp.NewProcess(nothing.With(none))
	p.Dir = filepath.Join(t.TempDir(), "not there")
	for range 10 {
		require.ErrorIs(t, p.Start(), os.ErrNotExist)
		assert.False(t, p.Alive())
		assert.Zero(t, p.PID())
	}
	p.Dir = ""
	require.NoError(t, p.Start(), "it can be started again")
	require.NoError(t, join(t, p))
}

// Children are the running image, wherever it was started from and whatever has
// become of its file.
func TestSTART06_TheRunningImageIsStarted(t *testing.T) {
	path, err := program()
	require.NoError(t, err)
	for _, c := range []struct {
		name, file string // where the program lies
		path       string // how it is called
		meanwhile  func(t *testing.T, file string)
		args       []string
	}{
		{name: "spaces", file: "with some spaces", path: "./with some spaces"},
		{name: "relative", file: "prog", path: "./prog"},
		{name: "directory changed", file: "prog", path: "./prog", args: []string{"/"}},
		{name: "symbolic link", file: "prog", path: "./link"},
		{name: "deleted", file: "prog", path: "./prog", meanwhile: func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
		}},
		{name: "replaced", file: "prog", path: "./prog", meanwhile: func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\nexit 3\n"), 0o700))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, c.file)
			require.NoError(t, os.Symlink(file, filepath.Join(dir, "link")))
			copyProgram(t, path, file)
			cmd := programCommand(bounded(t), t, append([]string{"run"}, c.args...)...)
			cmd.Path, cmd.Args[0], cmd.Dir = filepath.Join(dir, c.path), c.path, dir
			stdin, err := cmd.StdinPipe()
			require.NoError(t, err)
			box, w := newMailbox(t)
			stderr := outputFile(t)
			cmd.Stdout, cmd.Stderr = w, stderr
			require.NoError(t, cmd.Start())
			require.NoError(t, w.Close())
			assert.Equal(t, "ready", box.next(t))
			if c.meanwhile != nil {
				c.meanwhile(t, file)
			}
			_, err = io.WriteString(stdin, "go\n")
			require.NoError(t, err)
			assert.Equal(t, []string{"result 49"}, box.rest(t), content(t, stderr))
			require.NoError(t, cmd.Wait())
		})
	}
}

// copyProgram copies a program by means of another process: a fork of this one
// could hold the file open for writing, and then it could not be executed.
func copyProgram(t testing.TB, from, to string) {
	t.Helper()
	out, err := exec.Command("cp", from, to).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestStartWithTheStandardStreamsClosed(t *testing.T) {
	path, err := program()
	require.NoError(t, err)
	for _, closing := range []string{"<&-", ">&-", "2>&-", "<&- >&- 2>&-"} {
		report := filepath.Join(t.TempDir(), "report")
		cmd := exec.CommandContext(bounded(t), "sh", "-c", `exec "$0" closed "$1" `+closing, path, report)
		require.NoError(t, cmd.Run(), closing)
		text, err := os.ReadFile(report)
		require.NoError(t, err)
		assert.Equal(t, "0 <nil>\n1 <nil>\n4 <nil>\n<nil> <nil>\n", string(text), closing)
	}
}

func TestStartWithFewDescriptors(t *testing.T) {
	o := runProgram(t, "few-files")
	require.Zero(t, o.code, "%s%s", o.stdout, o.stderr)
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	require.Greater(t, len(lines), 4)
	assert.Contains(t, lines[1], "free 0:")
	for _, line := range lines[1 : len(lines)-2] {
		assert.Contains(t, line, "too many open descriptors")
		assert.Contains(t, line, "raise ulimit -n")
	}
	assert.Contains(t, lines[len(lines)-1], "<nil>")
}

func TestSTART17_OnlyStartNeedsTheExecutable(t *testing.T) {
	path, err := staticProgram()
	require.NoError(t, err)
	root := t.TempDir()
	copyProgram(t, path, filepath.Join(root, "prog"))
	cmd := exec.CommandContext(bounded(t), "/prog", "no-proc")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
	}
	cmd.Env = []string{}
	o := finish(t, cmd)
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stdout, "initialised MainProcess true")
	assert.Contains(t, o.stderr, "is /proc mounted")
}

func TestPROC10_CPUCountFollowsTheAffinity(t *testing.T) {
	assert.GreaterOrEqual(t, mp.CPUCount(), 1)
	path, err := program()
	require.NoError(t, err)
	cpu := exec.CommandContext(bounded(t), "sh", "-c", `taskset -cp $$ | sed 's/.*: //; s/[-,].*//'`)
	first, err := cpu.Output()
	require.NoError(t, err)
	out, err := exec.CommandContext(bounded(t), "taskset", "-c", strings.TrimSpace(string(first)), path, "cpus").Output()
	require.NoError(t, err)
	assert.Equal(t, "1\n", string(out))
}
