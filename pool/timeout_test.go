//go:build linux

package pool_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

func TestPOOL31_ATaskThatObeysItsTimeoutFailsAlone(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		before := p.Workers()
		_, err := pool.Apply(within(t), p, hold.With(stay{Dir: t.TempDir()}), pool.Timeout(20*time.Millisecond))
		assert.ErrorIs(t, err, mp.ErrTimeout)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		got, err := pool.Apply(within(t), p, square.With(3), pool.Timeout(bound))
		require.NoError(t, err)
		assert.Equal(t, 9, got)
		assert.Equal(t, before, p.Workers())
	})
}

func TestPOOL31_ATaskThatNeverReturnsIsKilledAfterItsTimeout(t *testing.T) {
	for name, grace := range map[string]time.Duration{"at once": -1, "after a grace": 30 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			bothKinds(t, pool.Options{Workers: 1, KillGrace: grace}, func(t *testing.T, p *pool.Pool) {
				dir := t.TempDir()
				f := pool.Submit(within(t), p, hold.With(stay{Dir: dir, Deaf: true}), pool.Timeout(50*time.Millisecond))
				behind := pool.Submit(within(t), p, square.With(3))
				_, err := ended(t, f)
				assert.ErrorIs(t, err, mp.ErrTimeout)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				var limit *pool.TimeoutError
				require.ErrorAs(t, err, &limit)
				assert.Equal(t, 50*time.Millisecond, limit.Limit)
				assert.True(t, limit.Timeout())
				var d *pool.WorkerDiedError
				assert.NotErrorAs(t, err, &d)
				got, err := ended(t, behind)
				require.NoError(t, err)
				assert.Equal(t, 9, got)
				assert.EqualValues(t, 1, p.Stats().Killed)
				open(t, dir)
			})
		})
	}
}

func TestPOOL31_InAMapTheLimitIsThatOfEachItem(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2, KillGrace: -1}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		items := make([]mixed, 30)
		want := make([]int, len(items))
		for i := range items {
			items[i] = mixed{Do: "sleep", Arg: 10}
			want[i] = 10
		}
		items[11] = mixed{Do: "obey", Arg: 11, Dir: dir}
		want[11] = 0
		// A chunk takes longer than the limit, but no other item does.
		got, err := pool.Map(within(t), p, mix, items, pool.ChunkSize(15), pool.KeepGoing(), pool.Timeout(time.Second))
		assert.Equal(t, want, got)
		var item *pool.TaskError
		require.ErrorAs(t, err, &item)
		assert.Equal(t, 11, item.Index)
		assert.ErrorIs(t, err, mp.ErrTimeout)
	})
}

func TestPOOL31_DeafItemsOfAMapFailOneByOne(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2, KillGrace: -1})
	items := []mixed{{Do: "value", Arg: 1}, {Do: "forever"}, {Do: "value", Arg: 3}, {Do: "forever"}, {Do: "value", Arg: 5}}
	for _, chunk := range []int{1, 2, 5} {
		got, err := pool.Map(within(t), p, mix, items, pool.ChunkSize(chunk), pool.KeepGoing(), pool.Timeout(200*time.Millisecond))
		assert.Equal(t, []int{1, 0, 3, 0, 5}, got)
		joined, ok := err.(interface{ Unwrap() []error })
		require.True(t, ok)
		require.Len(t, joined.Unwrap(), 2)
		for i, err := range joined.Unwrap() {
			var item *pool.TaskError
			require.ErrorAs(t, err, &item)
			assert.Equal(t, []int{1, 3}[i], item.Index)
			assert.ErrorIs(t, err, mp.ErrTimeout)
		}
		values, failed, err := collect(pool.Imap(within(t), p, mix, slices.Values(items), pool.ChunkSize(chunk), pool.Timeout(200*time.Millisecond)))
		require.NoError(t, err)
		assert.Equal(t, []int{1, 3, 5}, values)
		assert.Equal(t, []int{1, 3}, failed)
	}
	assert.EqualValues(t, 12, p.Stats().Killed)
}

func TestTimeout_AnItemThatReturnsAValueInTheGraceHasAValue(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1, KillGrace: bound}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		f := pool.Submit(within(t), p, hold.With(stay{Dir: dir, ID: 5, Deaf: true}), pool.Timeout(time.Millisecond))
		until(t, "it runs", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 1 })
		open(t, dir)
		got, err := ended(t, f)
		require.NoError(t, err)
		assert.Equal(t, 5, got)
	})
}

// Two workers, one of them stuck: what was queued behind the stuck item is done
// elsewhere, and what was finished before it arrives. The items are no tiny ones, of
// which a worker claims several at a time.
func TestBlocking_NothingWaitsBehindAStuckItem(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2, KillGrace: -1}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		items := make([]mixed, 400)
		for i := range items {
			items[i] = mixed{Do: "work", Arg: i}
		}
		_, err := pool.Map(within(t), p, mix, items) // the pace of mix is known: it is quick
		require.NoError(t, err)
		items[37] = mixed{Do: "obey", Arg: 37, Dir: dir}
		ctx, cancel := context.WithCancel(within(t))
		defer cancel()
		seen := make(map[int]bool)
		for v, err := range pool.ImapUnordered(ctx, p, mix, slices.Values(items), pool.ChunkSize(20), pool.InFlight(400)) {
			if err != nil {
				break
			}
			seen[v] = true
			if len(seen) == len(items)-1 {
				cancel() // all others have come
			}
		}
		assert.Len(t, seen, len(items)-1)
		assert.NotContains(t, seen, 37)
	})
}

func TestBlocking_SubmitsBehindAStuckTask(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		for range 3 {
			for i := range 50 { // square is known to be quick, so many are sent in advance
				_, err := pool.Apply(within(t), p, square.With(i))
				require.NoError(t, err)
			}
			dir := t.TempDir()
			stuck := pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: 3}))
			var fs []*pool.Future[int]
			for i := range 500 {
				fs = append(fs, pool.Submit(within(t), p, square.With(i)))
			}
			for i, f := range fs {
				got, err := ended(t, f)
				require.NoError(t, err)
				assert.Equal(t, i*i, got)
			}
			assert.ErrorIs(t, stuck.Err(), pool.ErrNotDone)
			open(t, dir)
			_, err := ended(t, stuck)
			require.NoError(t, err)
		}
	})
}
