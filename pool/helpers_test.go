//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/leaktest"
	"github.com/multiproc/mp/internal/trial"
	"github.com/multiproc/mp/pool"
)

// Names of this package for what all tests have in common.
const bound = trial.Patience

var (
	within  = trial.Context
	until   = trial.Until
	returns = trial.Returns
	kills   = trial.Kills
	random  = trial.Random
)

// warm brings into being what exists once per process, so that it is no leak.
var warm = sync.OnceValue(func() error {
	p, err := pool.New(pool.Options{Workers: 1})
	if err != nil {
		return err
	}
	return p.Close()
})

// check begins a test: what it leaves behind fails it.
func check(t testing.TB) {
	t.Helper()
	require.NoError(t, warm())
	leaktest.Check(t)
}

// quiet lets the workers write their crash texts to nowhere. Call it before
// newPool.
func quiet(t testing.TB) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = null, null
	t.Cleanup(func() {
		os.Stdout, os.Stderr = stdout, stderr
		_ = null.Close()
	})
}

// newPool makes a pool that ends with the test.
func newPool(t testing.TB, o pool.Options) *pool.Pool {
	t.Helper()
	p, err := pool.New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		err := p.Close()
		var abandoned *pool.AbandonedError
		if err != nil && !errors.As(err, &abandoned) {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

// bothKinds runs a test with processes and with Options.Local.
func bothKinds(t *testing.T, o pool.Options, test func(t *testing.T, p *pool.Pool)) {
	t.Helper()
	for _, local := range []bool{false, true} {
		name := "process"
		if local {
			name = "local"
		}
		t.Run(name, func(t *testing.T) {
			check(t)
			o.Local = local
			test(t, newPool(t, o))
		})
	}
}

// ended waits for the end of a future and returns its outcome.
func ended[T any](t testing.TB, f *pool.Future[T]) (T, error) {
	t.Helper()
	select {
	case <-f.Done():
	case <-time.After(bound):
		require.FailNow(t, "the future has not ended", "state %v", f.State())
	}
	return f.Get(context.Background())
}

// note appends a line to a file, in one write.
func note(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// notes returns how often each line stands in a file; a missing one is empty.
func notes(t testing.TB, path string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	counts := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		counts[strings.TrimSpace(line)]++
	}
	return counts
}

// numbers is notes for lines that are numbers.
func numbers(t testing.TB, path string) map[int]int {
	t.Helper()
	counts := make(map[int]int)
	for line, n := range notes(t, path) {
		i, err := strconv.Atoi(line)
		require.NoError(t, err)
		counts[i] = n
	}
	return counts
}

// exists says whether there is such a process that is no zombie.
func exists(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// kill sends SIGKILL.
func kill(t testing.TB, pid int) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}

// killNow sends SIGKILL to a process that may be gone.
func killNow(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }

// selfPID is what a local pool has for the pid of a worker.
var selfPID = os.Getpid()

// open lets the tasks go that hold in the directory.
func open(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), nil, 0o600))
}

// upTo returns the numbers from 0 to n-1.
func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
