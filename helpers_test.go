//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/trial"
)

// Names of this package for what all tests have in common.
const patience = trial.Patience

var (
	bounded    = trial.Context
	eventually = trial.Until
	kills      = trial.Kills
	random     = trial.Random
)

// launch starts a process of the call, which is killed at the end of the test.
func launch(t testing.TB, call mp.AnyCall, set ...func(*mp.Process)) *mp.Process {
	t.Helper()
	p := mp.NewProcess(call)
	for _, f := range set {
		f(p)
	}
	require.NoError(t, p.Start())
	t.Cleanup(func() {
		_ = p.Kill()
		<-p.Done()
	})
	return p
}

// daemon is a setting for launch.
func daemon(p *mp.Process) { p.Daemon = true }

// join waits for the end of a process, which must come.
func join(t testing.TB, p *mp.Process) error {
	t.Helper()
	err := p.Join(bounded(t))
	require.NotErrorIs(t, err, context.DeadlineExceeded, "%v did not end", p)
	return err
}

// failed returns the ExitError in err.
func failed(t testing.TB, err error) *mp.ExitError {
	t.Helper()
	var exit *mp.ExitError
	require.ErrorAs(t, err, &exit)
	return exit
}

// remote returns the RemoteError in err.
func remote(t testing.TB, err error) *mp.RemoteError {
	t.Helper()
	var r *mp.RemoteError
	require.ErrorAs(t, err, &r)
	return r
}

// state returns the letter of a process's state in /proc; "" if there is none.
func state(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return after[:1]
}

// gone says whether a process has ended, also if nobody has reaped it.
func gone(pid int) bool {
	s := state(pid)
	return s == "" || s == "Z" || s == "X"
}

// openFiles counts the descriptors of this process.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries) - 1 // the one of ReadDir
}

// Tasks that many tests use.
var (
	// hang says "ready" and stays until it is killed.
	hang = mp.Action0(func(context.Context) error {
		say("ready")
		time.Sleep(time.Hour)
		return nil
	})
	// sleep sleeps, whatever its context says.
	sleep = mp.Action(func(_ context.Context, d time.Duration) error {
		time.Sleep(d)
		return nil
	})
	// obey says "ready" and returns when its context ends.
	obey = mp.Action0(func(ctx context.Context) error {
		say("ready")
		<-ctx.Done()
		return nil
	})
	exitWith = mp.Action(func(_ context.Context, code int) error {
		os.Exit(code)
		return nil
	})
	nothing = mp.Action0(func(context.Context) error { return nil })
	raise   = mp.Action(func(_ context.Context, sig int) error {
		if err := syscall.Kill(os.Getpid(), syscall.Signal(sig)); err != nil {
			return err
		}
		time.Sleep(time.Hour)
		return nil
	})
)

var none = mp.None{}

// exitNow ends a child without hooks.
func exitNow() { os.Exit(5) }
