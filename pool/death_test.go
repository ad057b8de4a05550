//go:build linux

package pool_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// died checks that an error is a death and returns it.
func died(t *testing.T, err error) *pool.WorkerDiedError {
	t.Helper()
	var d *pool.WorkerDiedError
	require.ErrorAs(t, err, &d)
	assert.NotZero(t, d.PID)
	assert.NotEmpty(t, d.Worker)
	assert.Contains(t, err.Error(), fmt.Sprint(d.PID))
	return d
}

func TestPOOL28_KilledWorkerFailsOnlyItsTask(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	dir := t.TempDir()
	ctx := within(t)
	victim := pool.Submit(ctx, p, holdPID.With(dir))
	var others []*pool.Future[int]
	for i := range 99 {
		others = append(others, pool.Submit(ctx, p, square.With(i)))
	}
	var pid int
	until(t, "the task runs", func() bool { pid = readPID(dir); return pid > 0 })
	kill(t, pid)
	_, err := ended(t, victim)
	d := died(t, err)
	assert.Equal(t, pid, d.PID)
	assert.Equal(t, syscall.SIGKILL, d.Signal)
	assert.Equal(t, -9, d.ExitCode)
	assert.Equal(t, 1, d.Attempts)
	assert.Equal(t, mp.CauseSignal, d.Cause, "it was not this library that killed it")
	assert.Contains(t, err.Error(), "signal 9")
	for i, f := range others {
		got, err := ended(t, f)
		require.NoError(t, err)
		assert.Equal(t, i*i, got)
	}
	until(t, "the worker is replaced", func() bool { return len(p.Workers()) == 2 })
	assert.NotContains(t, p.Workers(), pid)
	s := p.Stats()
	assert.Equal(t, []int64{99, 1, 1, 0}, []int64{s.Completed, s.Failed, s.Died, s.Killed})
}

// holdPID writes its pid to dir/pid and stays.
var holdPID = mp.Func(func(_ context.Context, dir string) (int, error) {
	if err := note(filepath.Join(dir, "pid"), fmtInt(os.Getpid())); err != nil {
		return 0, err
	}
	time.Sleep(time.Hour)
	return 0, nil
})

// readPID returns the last pid in dir/pid, 0 if there is none.
func readPID(dir string) (pid int) {
	text, _ := os.ReadFile(filepath.Join(dir, "pid"))
	if !strings.HasSuffix(string(text), "\n") {
		return 0
	}
	lines := strings.Fields(string(text))
	_, _ = fmt.Sscan(lines[len(lines)-1], &pid)
	return pid
}

func TestPOOL29_ATaskThatEndsItsProcess(t *testing.T) {
	check(t)
	quiet(t)
	p := newPool(t, pool.Options{Workers: 1})
	for _, code := range []int{0, 1, 3, 42, 255} {
		_, err := pool.Apply(within(t), p, exit.With(code))
		d := died(t, err)
		assert.Equal(t, code, d.ExitCode)
		assert.Zero(t, d.Signal)
		assert.Equal(t, mp.CauseExit, d.Cause)
	}
	signals := []syscall.Signal{syscall.SIGKILL}
	if !signal.Ignored(syscall.SIGHUP) { // nohup has workers ignore it, too
		signals = append(signals, syscall.SIGHUP)
	}
	for _, sig := range signals {
		_, err := pool.Apply(within(t), p, signalled.With(int(sig)))
		d := died(t, err)
		assert.Equal(t, sig, d.Signal)
		assert.Equal(t, -int(sig), d.ExitCode)
		assert.Equal(t, mp.CauseSignal, d.Cause)
	}
	_, err := pool.Apply(within(t), p, crash.With("map"))
	d := died(t, err)
	assert.Equal(t, mp.CausePanic, d.Cause)
	assert.Contains(t, d.LastWords, "fatal error: all goroutines lock")
}

// crash ends the process in ways that recover cannot stop.
var crash = mp.Func(func(_ context.Context, how string) (int, error) {
	switch how {
	case "goroutine":
		go func() { panic("in another goroutine") }()
	case "map":
		go func() { panic("fatal error: all goroutines lock") }()
	case "late":
		time.AfterFunc(50*time.Millisecond, func() { os.Exit(5) })
		return 1, nil
	}
	time.Sleep(time.Hour)
	return 0, nil
})

func TestFAULT13_APanicInTheTaskIsItsErrorAPanicElsewhereADeath(t *testing.T) {
	check(t)
	quiet(t)
	p := newPool(t, pool.Options{Workers: 1})
	before := p.Workers()
	_, err := pool.Apply(within(t), p, mix.With(mixed{Do: "panic", Arg: 7}))
	var remote *mp.RemoteError
	require.ErrorAs(t, err, &remote)
	assert.True(t, remote.Panic)
	assert.Contains(t, remote.Text, "item 7 panics")
	assert.Contains(t, remote.Stack, "tasks_test.go")
	assert.Equal(t, before, p.Workers())
	_, err = pool.Apply(within(t), p, crash.With("goroutine"))
	d := died(t, err)
	assert.Equal(t, before[0], d.PID)
	assert.Equal(t, mp.CausePanic, d.Cause)
	assert.Contains(t, d.LastWords, "in another goroutine")
	assert.Contains(t, err.Error(), "in another goroutine")
	assert.Equal(t, 2, d.ExitCode)
}

func TestFUT18_AKilledWorkerDoesNotBreakThePool(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	for _, call := range []mp.Call[int]{signalled.With(int(syscall.SIGKILL)), exit.With(42)} {
		bad := pool.Submit(within(t), p, call)
		good := pool.Submit(within(t), p, square.With(3))
		_, err := ended(t, bad)
		died(t, err)
		got, err := ended(t, good)
		require.NoError(t, err)
		assert.Equal(t, 9, got)
	}
}

func TestFAULT17_WorkersIgnoreInterruptAndTerm(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	before := p.Workers()
	dir := t.TempDir()
	f := pool.Submit(within(t), p, hold.With(stay{Dir: dir, ID: 7}))
	until(t, "it runs", func() bool { return len(notes(t, dir+"/started")) == 1 })
	for _, pid := range before {
		require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
		require.NoError(t, syscall.Kill(pid, syscall.SIGINT))
	}
	open(t, dir)
	got, err := ended(t, f)
	require.NoError(t, err)
	assert.Equal(t, 7, got)
	assert.ElementsMatch(t, before, p.Workers())
}
