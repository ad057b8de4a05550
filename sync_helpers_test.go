//go:build linux

package mp_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shm"
)

// made fails the test if a constructor has, and closes what it has made at the end.
func made[T io.Closer](t testing.TB) func(x T, err error) T {
	return func(x T, err error) T {
		t.Helper()
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, x.Close()) })
		return x
	}
}

// within returns a context that ends soon.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// endedContext returns a context that has ended.
func endedContext() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	return ctx
}

// timed checks that wait ends by a time limit of 100 ms, when that is over.
func timed(t testing.TB, wait func(ctx context.Context) error) {
	t.Helper()
	const limit = 100 * time.Millisecond
	start := time.Now()
	err := wait(within(t, limit))
	took := time.Since(start)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorIs(t, err, mp.ErrTimeout)
	assert.GreaterOrEqual(t, took, limit-20*time.Millisecond)
	assert.Less(t, took, patience)
}

// inBackground runs f, and returns what waits for its end.
func inBackground(t testing.TB, f func() error) (ended func() error) {
	c := make(chan error, 1)
	go func() { c <- f() }()
	return func() error {
		t.Helper()
		select {
		case err := <-c:
			return err
		case <-time.After(patience):
			require.FailNow(t, "in vain")
			return nil
		}
	}
}

// acquired takes n units that others release.
func acquired(t testing.TB, s *mp.Semaphore, n int) {
	t.Helper()
	for range n {
		require.NoError(t, s.Acquire(bounded(t)))
	}
}

// heap returns how many cells the shared memory has in use.
func heap(t testing.TB) int {
	t.Helper()
	a, err := shm.Default()
	require.NoError(t, err)
	a.Reap()
	_, cells := a.Heap()
	return cells
}

// settled waits until no more cells are in use than before.
func settled(t testing.TB, before int) {
	t.Helper()
	const spare = 4 // slabs and extents that are kept for the next
	eventually(t, "what was in use has been given back", func() bool { return heap(t) <= before+spare })
}
