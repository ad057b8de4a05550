//go:build linux

package pool_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

func TestPOOL32_ACancelledTaskThatObeysCostsNoWorker(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		before := p.Workers()
		_, f := busyPool(t, p)
		behind := pool.Submit(within(t), p, square.With(6))
		assert.True(t, f.Cancel())
		_, err := ended(t, f)
		assert.ErrorIs(t, err, pool.ErrCancelled)
		got, err := ended(t, behind)
		require.NoError(t, err)
		assert.Equal(t, 36, got)
		assert.Equal(t, before, p.Workers())
		assert.Zero(t, p.Stats().Killed)
	})
}

func TestPOOL32_ACancelledTaskThatIsDeafIsKilledAndOnlyIt(t *testing.T) {
	for name, grace := range map[string]time.Duration{"at once": -1, "after a grace": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			bothKinds(t, pool.Options{Workers: 1, KillGrace: grace}, func(t *testing.T, p *pool.Pool) {
				before := p.Workers()
				dir := t.TempDir()
				f := pool.Submit(within(t), p, hold.With(stay{Dir: dir, Deaf: true}))
				behind := pool.Submit(within(t), p, square.With(6))
				until(t, "it runs", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 1 })
				assert.True(t, f.Cancel())
				_, err := ended(t, f)
				assert.ErrorIs(t, err, pool.ErrCancelled)
				var d *pool.WorkerDiedError
				assert.NotErrorAs(t, err, &d, "a kill of ours is no death")
				got, err := ended(t, behind)
				require.NoError(t, err)
				assert.Equal(t, 36, got)
				if before[0] != os.Getpid() {
					assert.NotEqual(t, before, p.Workers())
				}
				s := p.Stats()
				assert.Equal(t, []int64{1, 1}, []int64{s.Killed, s.Died})
				open(t, dir) // for the goroutine of a local worker
			})
		})
	}
}

func TestCancel_TheContextOfSubmitOwnsTheTask(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1, KillGrace: 50 * time.Millisecond}, func(t *testing.T, p *pool.Pool) {
		for _, deaf := range []bool{false, true} {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			f := pool.Submit(ctx, p, hold.With(stay{Dir: dir, Deaf: deaf}))
			queued := pool.Submit(ctx, p, square.With(1))
			until(t, "it runs", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 1 })
			cancel()
			for _, f := range []*pool.Future[int]{f, queued} {
				_, err := ended(t, f)
				assert.ErrorIs(t, err, context.Canceled)
				assert.NotErrorIs(t, err, pool.ErrCancelled, "it was the context")
			}
			open(t, dir)
			short, stop := context.WithTimeout(context.Background(), 30*time.Millisecond)
			_, err := pool.Apply(short, p, hold.With(stay{Dir: t.TempDir(), Deaf: deaf}))
			stop()
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		}
	})
}

// firstThenWait: item 0 is quick, and the other waits for the end of its context.
var firstThenWait = mp.Func(func(ctx context.Context, s stay) (int, error) {
	if s.ID == 0 {
		return 0, nil
	}
	if err := note(filepath.Join(s.Dir, "started"), fmtInt(s.ID)); err != nil {
		return 0, err
	}
	<-ctx.Done()
	return 0, note(filepath.Join(s.Dir, "obeyed"), fmtInt(s.ID))
})

// The first results may still be under way when the cancel comes: it has to hit
// the item that runs.
func TestCancel_ReachesTheRunningItemBehindUnreadResults(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1, KillGrace: time.Hour}, func(t *testing.T, p *pool.Pool) {
		before := p.Workers()
		for range 20 {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			f := pool.MapAsync(ctx, p, firstThenWait, []stay{{Dir: dir}, {Dir: dir, ID: 1}}, pool.ChunkSize(1))
			until(t, "the second item runs", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 1 })
			cancel()
			_, err := ended(t, f)
			assert.ErrorIs(t, err, context.Canceled)
			assert.Len(t, notes(t, filepath.Join(dir, "obeyed")), 1)
		}
		assert.Equal(t, before, p.Workers())
	})
}

func TestImap_TheEndOfTheContextEndsTheLoopAndWhatRuns(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2, KillGrace: 50 * time.Millisecond}, func(t *testing.T, p *pool.Pool) {
		for _, deaf := range []bool{false, true} {
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(within(t))
			go func() {
				defer cancel()
				path := filepath.Join(dir, "started")
				for end := time.Now().Add(bound); time.Now().Before(end); time.Sleep(time.Millisecond) {
					if text, _ := os.ReadFile(path); len(text) >= 4 {
						return
					}
				}
			}()
			items := []stay{{Dir: dir, ID: 1, Deaf: deaf}, {Dir: dir, ID: 2, Deaf: deaf}, {Dir: dir, ID: 3, Deaf: deaf}}
			got, _, err := collect(pool.Imap(ctx, p, hold, slices.Values(items), pool.ChunkSize(1)))
			assert.Equal(t, context.Canceled, err, "the last thing yielded")
			assert.Empty(t, got)
			open(t, dir)
			all, err := pool.Map(within(t), p, square, upTo(5))
			require.NoError(t, err)
			assert.Equal(t, squares(5), all)
		}
	})
}
