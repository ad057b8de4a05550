//go:build linux

package pool_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

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
