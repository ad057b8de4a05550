//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// patience is how long a test waits for another process before it calls that a hang.
const patience = 10 * time.Second

// bounded returns a context that ends when a wait has become a hang.
func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

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

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "in vain: "+what)
		}
	}
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

// kills is how often a test that kills processes does so, MP_KILLS or 200.
func kills(t testing.TB) int {
	t.Helper()
	text, ok := os.LookupEnv("MP_KILLS")
	if !ok {
		return 200
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "MP_KILLS")
	return n
}

// random returns a generator whose seed is in the log of the test; MP_SEED
// repeats a run.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text, ok := os.LookupEnv("MP_SEED"); ok {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "MP_SEED")
	}
	t.Logf("MP_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
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
