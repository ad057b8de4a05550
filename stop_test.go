//go:build linux

package mp_test

import (
	"bytes"
	"context"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

func TestStopEndsTheContext(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, obey.With(none))
	box.next(t)
	require.NoError(t, p.Stop(bounded(t)))
	require.NoError(t, join(t, p), "the target has returned by itself")
}

func TestStopTerminatesWhatIgnoresTheContext(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, hang.With(none))
	box.next(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	require.NoError(t, p.Stop(ctx))
	exit := failed(t, join(t, p))
	assert.Equal(t, syscall.SIGTERM, exit.Signal)
	assert.Equal(t, mp.CauseKilled, exit.Cause)
}

// stubborn can only be killed.
var stubborn = mp.Action0(func(context.Context) error {
	signal.Ignore(syscall.SIGTERM)
	time.Sleep(time.Hour)
	return nil
})

// stubbornTalker is stubborn, and says so.
var stubbornTalker = mp.Action0(func(context.Context) error {
	signal.Ignore(syscall.SIGTERM)
	say("ready")
	time.Sleep(time.Hour)
	return nil
})

func TestStopKillsWhatIgnoresEverything(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, stubbornTalker.With(none))
	box.next(t)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	require.NoError(t, p.Stop(ctx))
	exit := failed(t, join(t, p))
	assert.Equal(t, syscall.SIGKILL, exit.Signal)
	assert.Equal(t, mp.CauseKilled, exit.Cause)
	require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded, "not before its time")
}

func TestStopWithAnEndedContextKillsAtOnce(t *testing.T) {
	p, box := launchTalking(t, obey.With(none))
	box.next(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, p.Stop(ctx))
	assert.Equal(t, syscall.SIGKILL, failed(t, join(t, p)).Signal)
}

func TestStopOfAStoppedProcess(t *testing.T) {
	p, box := launchTalking(t, obey.With(none))
	box.next(t)
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGSTOP))
	eventually(t, "the process stops", func() bool { return state(p.PID()) == "T" })
	assert.True(t, p.Alive(), "a stopped process is alive")
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	require.NoError(t, p.Stop(ctx))
	assert.Equal(t, syscall.SIGKILL, failed(t, join(t, p)).Signal)
}

func TestManyMayStop(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, obey.With(none))
	box.next(t)
	ctx := bounded(t)
	errs := make(chan error)
	for range 20 {
		go func() { errs <- p.Stop(ctx) }()
	}
	for range 20 {
		require.NoError(t, <-errs)
	}
	require.NoError(t, join(t, p))
}

func TestStopRightAfterStart(t *testing.T) {
	leaktest.Check(t)
	for range 20 {
		p := launch(t, waitForEnd.With(none), func(p *mp.Process) { p.Stderr = outputFile(t) })
		require.NoError(t, p.Stop(bounded(t)))
		<-p.Done()
	}
}

// bulky has a large argument and waits for the end of its context.
var bulky = mp.Action(func(ctx context.Context, _ []byte) error {
	<-ctx.Done()
	return nil
})

// A child that does not read cannot hold Stop up, although its argument is still
// on the way.
func TestStopWhileTheArgumentIsOnItsWay(t *testing.T) {
	leaktest.Check(t)
	p := launch(t, bulky.With(bytes.Repeat([]byte("x"), 8<<20)))
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGSTOP))
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- p.Stop(ctx) }()
	select {
	case err := <-stopped:
		require.NoError(t, err)
	case <-time.After(patience / 2): // less than the time that a start may take
		require.Fail(t, "Stop does not return at the end of its context")
	}
	<-p.Done()
}

func TestStopOfAProcessWithALargeArgument(t *testing.T) {
	for range 10 {
		p := launch(t, bulky.With(bytes.Repeat([]byte("x"), 8<<20)))
		require.NoError(t, p.Stop(bounded(t)))
		if err := join(t, p); err != nil { // it may have been ended before it could return
			exit := failed(t, err)
			assert.Equal(t, mp.CauseKilled, exit.Cause, "%v", exit)
		}
	}
}
