//go:build linux

package pool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/pool"
)

// A worker that is stopped is alive, and what it runs waits with it. What it has
// not taken up is done elsewhere.
func TestAStoppedIdleWorkerHoldsNothingUp(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	ctx := within(t)
	pids := p.Workers()
	require.Len(t, pids, 2)
	require.NoError(t, syscall.Kill(pids[0], syscall.SIGSTOP))
	defer func() { assert.NoError(t, syscall.Kill(pids[0], syscall.SIGCONT)) }()
	until(t, "it has stopped", func() bool { return stopped(t, pids[0]) }) // up to then it takes up work
	for range 3 {
		squares, err := pool.Map(ctx, p, square, upTo(100))
		require.NoError(t, err)
		assert.Len(t, squares, 100)
		var fs []*pool.Future[int]
		for i := range 10 {
			fs = append(fs, pool.Submit(ctx, p, square.With(i)))
		}
		for i, f := range fs {
			got, err := f.Get(ctx)
			require.NoError(t, err)
			assert.Equal(t, i*i, got)
		}
	}
	assert.Equal(t, pids, p.Workers(), "nobody was killed for it")
}

// stopped says whether all threads of the process are: each stops where it is, when it
// gets to know of the signal.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	require.NoError(t, err)
	require.NotEmpty(t, stats)
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		require.NoError(t, err)
		_, state, _ := strings.Cut(string(stat), ") ")
		if !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}
