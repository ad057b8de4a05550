//go:build linux

package pool_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/pool"
)

func TestPOOL26_ALargePool(t *testing.T) {
	check(t)
	const n = 60 // 200 of them take too long on two CPUs with the race detector
	p := newPool(t, pool.Options{Workers: n})
	assert.Len(t, p.Workers(), n)
	all, err := pool.Map(within(t), p, square, upTo(1000))
	require.NoError(t, err)
	sum := 0
	for _, x := range all {
		sum += x
	}
	assert.Equal(t, 332833500, sum)
}

func TestPOOL38_AsManyTasksRunAtATimeAsThereAreWorkers(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 6})
	dir := t.TempDir()
	var fs []*pool.Future[int]
	for i := range 6 {
		fs = append(fs, pool.Submit(within(t), p, hold.With(stay{Dir: dir, ID: i})))
	}
	until(t, "all run at the same time", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 6 })
	s := p.Stats()
	assert.Equal(t, []int{6, 6, 6, 0}, []int{s.Workers, s.Busy, s.InFlight, s.Queued})
	open(t, dir)
	for _, f := range fs {
		_, err := ended(t, f)
		require.NoError(t, err)
	}
}

func TestFUT23_WorkersAreStartedAtOnceAndReused(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 3})
	pids := p.Workers()
	assert.Len(t, pids, 3)
	var used []int
	for range 3 {
		pid, err := pool.Apply(within(t), p, pidOf.With(0))
		require.NoError(t, err)
		used = append(used, pid)
	}
	assert.Len(t, slices.Compact(used), 1, "the one that worked last is the first to be used")
	all, err := pool.Map(within(t), p, pidOf, upTo(1000))
	require.NoError(t, err)
	for _, pid := range all {
		assert.Contains(t, pids, pid)
	}
	assert.ElementsMatch(t, pids, p.Workers())
}

func TestFUT22_SubmittingInATightLoopDoesNotBlock(t *testing.T) {
	check(t)
	for range 10 {
		p, err := pool.New(pool.Options{Workers: 1})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 100 {
			f := pool.Submit(within(t), p, square.With(i))
			wg.Go(func() { _, _ = f.Get(within(t)); assert.NoError(t, f.Err()) })
		}
		returns(t, "a Get", wg.Wait)
		require.NoError(t, p.Shutdown(within(t)))
	}
}

func TestFAULT07_FiftyPoolsLeaveNothing(t *testing.T) {
	check(t)
	for i := range 50 {
		p, err := pool.New(pool.Options{Workers: 1 + i%2, Local: i%3 == 0})
		require.NoError(t, err)
		_, err = pool.Map(within(t), p, square, upTo(1+rand.IntN(10)))
		require.NoError(t, err)
		endBy(t, p, []string{"Close", "Shutdown"}[i%2])
	}
}
