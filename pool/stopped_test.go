//go:build linux

package pool_test

import (
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
