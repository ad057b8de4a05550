//go:build linux

package pool_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
	"github.com/multiproc/mp/pool"
)

// crashVariable holds the pid of a process whose children are to fail before
// they reach mp.Init, and how.
const crashVariable = "MP_TEST_CRASH"

func init() {
	pid, how, ok := strings.Cut(os.Getenv(crashVariable), ":")
	if !ok || pid == strconv.Itoa(os.Getpid()) {
		return
	}
	if how == "panic" {
		panic("this package does not initialise")
	}
	os.Exit(17)
}

// sabotage makes all children fail that are started from now on.
func sabotage(t *testing.T, how string) {
	t.Helper()
	t.Setenv(crashVariable, fmt.Sprintf("%d:%s", os.Getpid(), how))
}

func TestPOOL24_WorkersThatCrashAtStartMakeNewFail(t *testing.T) {
	check(t)
	quiet(t)
	for _, how := range []string{"exit", "panic"} {
		sabotage(t, how)
		for _, n := range []int{1, 3} {
			var p *pool.Pool
			var err error
			returns(t, "New", func() { p, err = pool.New(pool.Options{Workers: n}) })
			assert.Nil(t, p)
			require.Error(t, err)
			assert.Contains(t, err.Error(), "mp.Init")
			assert.Contains(t, err.Error(), "did not start")
		}
	}
}

func TestPOOL24_APoolWhoseWorkersCannotBeRestartedBreaks(t *testing.T) {
	check(t)
	quiet(t)
	p := newPool(t, pool.Options{Workers: 2})
	dir := t.TempDir()
	var fs []*pool.Future[int]
	for i := range 10 {
		fs = append(fs, pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: i, Deaf: true})))
	}
	g := pool.MapAsync(context.Background(), p, hold, []stay{{Dir: dir, ID: 10}})
	until(t, "two run", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 2 })
	sabotage(t, "exit")
	for _, pid := range p.Workers() {
		kill(t, pid)
	}
	broken := 0
	for _, f := range fs {
		_, err := ended(t, f)
		if assert.Error(t, err); !isDeath(err) {
			assert.ErrorIs(t, err, pool.ErrBroken)
			assert.Contains(t, err.Error(), "did not start", "the reason")
			broken++
		}
	}
	assert.Equal(t, 8, broken)
	_, err := ended(t, g)
	assert.ErrorIs(t, err, pool.ErrBroken)
	assert.ErrorIs(t, pool.Submit(within(t), p, square.With(1)).Err(), pool.ErrBroken)
	_, _, err = collect(pool.Imap(within(t), p, square, slices.Values(upTo(2))))
	assert.ErrorIs(t, err, pool.ErrBroken)
	require.NoError(t, p.Shutdown(within(t)))
	require.NoError(t, p.Close())
}

func isDeath(err error) bool {
	_, ok := err.(*pool.WorkerDiedError)
	return ok
}

// cramped makes a pool with few descriptors to be had, and says how it went.
var cramped = mp.Func(func(_ context.Context, spare int) (string, error) {
	if p, err := pool.New(pool.Options{Workers: 1}); err != nil || p.Close() != nil {
		return "", fmt.Errorf("with room: %w", err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return "", err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return "", err
	}
	before := leaktest.Take()
	few := limit
	few.Cur = uint64(len(open) + spare)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		return "", err
	}
	p, err := pool.New(pool.Options{Workers: 8})
	if err2 := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err2 != nil {
		return "", err2
	}
	if err == nil {
		return "", fmt.Errorf("eight workers with %d descriptors: %v", spare, p.Close())
	}
	if left := before.Wait(); left != "" {
		return "", fmt.Errorf("left behind: %s", left)
	}
	return err.Error(), nil
})

func TestPOOL25_AWorkerThatCannotBeStartedMakesNewFailAndLeaveNothing(t *testing.T) {
	check(t)
	for _, spare := range []int{3, 8, 12, 20, 24, 30} {
		text, err := mp.Run(within(t), cramped.With(spare))
		require.NoError(t, err, "%d descriptors", spare)
		assert.Contains(t, text, "too many open", "%d descriptors", spare)
	}
}
