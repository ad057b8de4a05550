package pool_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
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

func TestPOOL39_ShutdownLetsAllTasksFinish(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		path := filepath.Join(t.TempDir(), "ran")
		var fs []*pool.Future[int]
		for i := range 100 {
			fs = append(fs, pool.Submit(context.Background(), p, marking.With(mark{path, i, time.Millisecond})))
		}
		require.NoError(t, p.Shutdown(within(t)))
		for i, f := range fs {
			assert.Equal(t, pool.Done, f.State())
			got, err := ended(t, f)
			require.NoError(t, err)
			assert.Equal(t, i, got)
		}
		assert.Len(t, notes(t, path), 100)
		assert.NoError(t, p.Close(), "it threw nothing away")
	})
}

func TestFUT12_ShutdownWaitsForAllAndTheWorkersAreGone(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 3})
	pids := p.Workers()
	f := pool.MapAsync(context.Background(), p, mix, slices.Repeat([]mixed{{Do: "sleep", Arg: 2}}, 50), pool.ChunkSize(1))
	require.NoError(t, p.Shutdown(within(t)))
	all, err := ended(t, f)
	require.NoError(t, err)
	assert.Len(t, all, 50)
	assert.False(t, slices.ContainsFunc(pids, exists))
	assert.ErrorIs(t, pool.Submit(within(t), p, square.With(1)).Err(), pool.ErrShutdown)
}

func TestFUT13_ShutdownWhoseContextEndsDrainsOn(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		pids := p.Workers()
		dir, running := busyPool(t, p)
		queued := pool.Submit(context.Background(), p, square.With(7))
		ctx, cancel := context.WithCancel(context.Background())
		result := make(chan error, 1)
		go func() { result <- p.Shutdown(ctx) }()
		until(t, "nothing is accepted any more", func() bool {
			return errors.Is(pool.Submit(context.Background(), p, square.With(1)).Err(), pool.ErrShutdown)
		})
		cancel()
		assert.Equal(t, context.Canceled, <-result)
		assert.ErrorIs(t, running.Err(), pool.ErrNotDone)
		open(t, dir)
		got, err := ended(t, running)
		require.NoError(t, err)
		assert.Equal(t, 1, got)
		got, err = ended(t, queued)
		require.NoError(t, err)
		assert.Equal(t, 49, got)
		until(t, "the workers end by themselves", func() bool { return len(p.Workers()) == 0 })
		if pids[0] != selfPID {
			until(t, "the process is gone", func() bool { return !exists(pids[0]) })
		}
		require.NoError(t, p.Shutdown(within(t)))
		require.NoError(t, p.Close())
	})
}

func TestPOOL40_ShutdownWithATimeoutLeavesThePoolStoppable(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		f := pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, Deaf: true}))
		until(t, "it runs", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 1 })
		short, stop := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer stop()
		assert.Equal(t, context.DeadlineExceeded, p.Shutdown(short))
		var abandoned *pool.AbandonedError
		returns(t, "Close", func() { assert.ErrorAs(t, p.Close(), &abandoned) })
		assert.Equal(t, 1, abandoned.Tasks)
		_, err := ended(t, f)
		assert.ErrorIs(t, err, pool.ErrClosed)
		open(t, dir)
	})
}

func TestFUT14_CancellingWhatIsQueuedBeforeShutdown(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		var fs []*pool.Future[int]
		for i := range 50 {
			fs = append(fs, pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: i, Deaf: true})))
		}
		until(t, "two run", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 2 })
		for _, f := range fs {
			if s := f.State(); s == pool.Queued || s == pool.Sent {
				f.Cancel()
			}
		}
		open(t, dir)
		require.NoError(t, p.Shutdown(within(t)))
		cancelled := 0
		for _, f := range fs {
			assert.Equal(t, pool.Done, f.State(), "none is pending")
			if errors.Is(f.Err(), pool.ErrCancelled) {
				cancelled++
			}
		}
		assert.Equal(t, 48, cancelled)
	})
}

func TestFUT15_SubmitCancelShutdown(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		f := pool.Submit(context.Background(), p, square.With(3))
		f.Cancel()
		require.NoError(t, p.Shutdown(within(t)))
		assert.Equal(t, pool.Done, f.State())
	})
}

func TestFUT16_DroppedIteratorAndShutdownAtOnce(t *testing.T) {
	check(t)
	for i := range 30 {
		p, err := pool.New(pool.Options{Workers: 2, Local: i%3 > 0})
		require.NoError(t, err)
		_ = pool.Imap(within(t), p, square, slices.Values(upTo(3)))
		for range pool.Imap(within(t), p, square, slices.Values(upTo(3))) {
			break
		}
		require.NoError(t, p.Shutdown(within(t)))
		require.NoError(t, p.Close())
	}
}

func TestFUT20_ACrashOrABadArgumentAroundShutdown(t *testing.T) {
	check(t)
	for _, workers := range []int{1, 2, 4} { // and FAULT-18
		p, err := pool.New(pool.Options{Workers: workers})
		require.NoError(t, err)
		dir := t.TempDir()
		held := pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: 1}))
		crash := pool.Submit(context.Background(), p, exit.With(1))
		bad := pool.MapAsync(context.Background(), p, weigh, []parcel{{"a", 1}, {"b", secret{}}}, pool.KeepGoing())
		failing := pool.Submit(context.Background(), p, divide.With(0))
		result := make(chan error, 1)
		go func() { result <- p.Shutdown(within(t)) }()
		until(t, "shut down", func() bool {
			return errors.Is(pool.Submit(context.Background(), p, square.With(1)).Err(), pool.ErrShutdown)
		})
		open(t, dir)
		require.NoError(t, <-result)
		_, err = ended(t, held)
		require.NoError(t, err)
		_, err = ended(t, crash)
		died(t, err)
		got, err := ended(t, bad)
		assert.Error(t, err)
		assert.Equal(t, []string{"a", ""}, got)
		_, err = ended(t, failing)
		var remote *mp.RemoteError
		assert.ErrorAs(t, err, &remote)
	}
}

func TestFAULT18_WorkersKilledAroundShutdown(t *testing.T) {
	check(t)
	for _, workers := range []int{2, 4} {
		for range 5 {
			p, err := pool.New(pool.Options{Workers: workers})
			require.NoError(t, err)
			f := pool.MapAsync(context.Background(), p, mix, slices.Repeat([]mixed{{Do: "sleep", Arg: 1}}, 100), pool.KeepGoing())
			pids := p.Workers()
			go func() { _ = killNow(pids[0]) }()
			require.NoError(t, p.Shutdown(within(t)))
			_, err = ended(t, f)
			if err != nil {
				died(t, err)
			}
			assert.Empty(t, p.Workers())
		}
	}
}

func TestFUT26_CloseStopsRunningTasksAndIsHarmlessOnDeadWorkers(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	dir := t.TempDir()
	for i := range 100 {
		pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: i, Deaf: true}))
	}
	until(t, "two run", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 2 })
	for _, pid := range p.Workers() {
		_ = killNow(pid)
	}
	returns(t, "Close", func() { _ = p.Close() })
	assert.Empty(t, p.Workers())
	assert.ErrorIs(t, pool.Submit(context.Background(), p, square.With(1)).Err(), pool.ErrShutdown)
}
