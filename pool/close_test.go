//go:build linux

package pool_test

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/pool"
)

func TestPOOL13_CloseWithThousandsOfQueuedTasks(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 3}, func(t *testing.T, p *pool.Pool) {
		pids := p.Workers()
		dir := t.TempDir()
		fs := make([]*pool.Future[int], 10000)
		for i := range fs {
			fs[i] = pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: i, Deaf: true}))
		}
		until(t, "three run", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 3 })
		var err error
		returns(t, "Close", func() { err = p.Close() })
		var abandoned *pool.AbandonedError
		require.ErrorAs(t, err, &abandoned)
		assert.Equal(t, len(fs), abandoned.Tasks)
		assert.NoError(t, p.Close(), "further calls return nil")
		for _, f := range fs {
			_, err := ended(t, f)
			require.ErrorIs(t, err, pool.ErrClosed)
		}
		assert.Empty(t, p.Workers())
		if !slices.Contains(pids, selfPID) {
			assert.False(t, slices.ContainsFunc(pids, exists), "a worker is left")
		}
		assert.Len(t, notes(t, filepath.Join(dir, "started")), 3, "nothing more was started")
		open(t, dir)
	})
}

func TestPOOL27_EndingTwiceIsFine(t *testing.T) {
	for _, ways := range [][]string{{"Close", "Close"}, {"Shutdown", "Shutdown"}, {"Shutdown", "Close", "Shutdown"}, {"Close", "Shutdown", "Close"}} {
		bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
			_, err := pool.Apply(within(t), p, square.With(1))
			require.NoError(t, err)
			for _, way := range ways {
				returns(t, way, func() { endBy(t, p, way) })
			}
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { endBy(t, p, "Close") })
				wg.Go(func() { endBy(t, p, "Shutdown") })
			}
			returns(t, "many at once", wg.Wait)
		})
	}
}

func TestPOOL30_OutstandingResultsEndWithThePool(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		f := pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: 1, Deaf: true}))
		g := pool.MapAsync(context.Background(), p, hold, []stay{{Dir: dir, ID: 2}, {Dir: dir, ID: 3}})
		looped := make(chan error, 1)
		go func() {
			_, _, err := collect(pool.Imap(context.Background(), p, hold, slices.Values([]stay{{Dir: dir, ID: 4}, {Dir: dir, ID: 5}})))
			looped <- err
		}()
		until(t, "both workers have work", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 2 })
		until(t, "all is accepted", func() bool { s := p.Stats(); return s.Queued+s.InFlight == 5 })
		got := make(chan error, 1)
		go func() { _, err := f.Get(context.Background()); got <- err }()
		var abandoned *pool.AbandonedError
		returns(t, "Close", func() { assert.ErrorAs(t, p.Close(), &abandoned) })
		for _, err := range []error{<-got, g.Err(), <-looped} {
			assert.ErrorIs(t, err, pool.ErrClosed)
		}
		open(t, dir)
	})
}
