//go:build linux

package mp_test

import (
	"context"
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
	p.Env = []string{"LONG=" + strings.Repeat("x", 1<<20)}
	require.ErrorIs(t, p.Start(), syscall.E2BIG)
	p.Env = []string{"NUL=\x00"}
	require.Error(t, p.Start())
	p.Env, p.ExtraFiles = nil, []*os.File{nil}
	require.Error(t, p.Start())
	p.ExtraFiles = nil
	require.NoError(t, p.Start(), "it can be started again")
	require.NoError(t, join(t, p))
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

func TestPROC10_CPUCountFollowsTheAffinity(t *testing.T) {
	assert.GreaterOrEqual(t, mp.CPUCount(), 1)
	path, err := program()
	require.NoError(t, err)
	cpu := exec.CommandContext(bounded(t), "sh", "-c", `taskset -cp $$ | sed 's/.*: //; s/[-,].*//'`)
	first, err := cpu.Output()
	require.NoError(t, err)
	one := exec.CommandContext(bounded(t), "taskset", "-c", strings.TrimSpace(string(first)), path, "cpus")
	one.Env = programEnv()
	out, err := one.Output()
	require.NoError(t, err)
	assert.Equal(t, "1\n", string(out))
}
