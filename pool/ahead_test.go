//go:build linux

package pool_test

import (
	"context"
	"iter"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// endless counts what is pulled from it.
func endless(pulled *atomic.Int64) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
			pulled.Add(1)
		}
	}
}

func TestFUT05_LookAheadIsBounded(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		for _, n := range []int{1, 2, 10, 100} {
			for _, form := range []func(context.Context, *pool.Pool, *mp.Task[int, int], iter.Seq[int], ...pool.Option) iter.Seq2[int, error]{
				pool.Imap[int, int], pool.ImapUnordered[int, int],
			} {
				var pulled atomic.Int64
				yielded := int64(0)
				for v, err := range form(within(t), p, square, endless(&pulled), pool.InFlight(n)) {
					require.NoError(t, err)
					assert.GreaterOrEqual(t, v, 0)
					// One more may wait in the puller's hand.
					require.LessOrEqual(t, pulled.Load(), yielded+int64(n)+1)
					if yielded++; yielded == 300 {
						break
					}
				}
				after := pulled.Load()
				assert.LessOrEqual(t, after, int64(300+n+1))
			}
		}
		until(t, "what was in flight when the loop was left has ended", func() bool {
			s := p.Stats()
			return s.Queued+s.InFlight == 0
		})
	})
}

func TestFUT05_ByDefaultAnEndlessInputIsPulledAsNeeded(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(within(t))
		var pulled atomic.Int64
		done := make(chan error, 1)
		go func() {
			_, _, err := collect(pool.Imap(ctx, p, hold, func(yield func(stay) bool) {
				for i := 0; yield(stay{Dir: dir, ID: i}); i++ {
					pulled.Add(1)
				}
			}))
			done <- err
		}()
		until(t, "both workers have an item", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 2 })
		assert.LessOrEqual(t, pulled.Load(), int64(2*2+1), "two per worker while nobody knows how long items take")
		cancel()
		assert.Equal(t, context.Canceled, <-done)
	})
}

func TestPOOL45_LeavingTheLoopAtAnErrorFreesEverything(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		items := slices.Repeat([]int{4}, 100)
		items[50] = 0
		for range 10 {
			n := 0
			for _, err := range pool.Imap(within(t), p, divide, slices.Values(items)) {
				if err != nil {
					break
				}
				n++
			}
			assert.Equal(t, 50, n)
			s := p.Stats()
			assert.Zero(t, s.Queued)
		}
		require.NoError(t, p.Shutdown(within(t)))
	})
}

func TestImap_ABreakCancelsWhatRunsAndFreesTheWorkers(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		items := []mixed{{Do: "value", Arg: 1}, {Do: "obey", Arg: 2, Dir: dir}, {Do: "obey", Arg: 3, Dir: dir}, {Do: "obey", Arg: 4, Dir: dir}}
		before := p.Workers()
		for v, err := range pool.Imap(within(t), p, mix, slices.Values(items), pool.ChunkSize(1)) {
			require.NoError(t, err)
			assert.Equal(t, 1, v)
			until(t, "two items run", func() bool { return len(notes(t, filepath.Join(dir, "started"))) >= 2 })
			break
		}
		until(t, "the workers are free", func() bool { s := p.Stats(); return s.InFlight == 0 && s.Queued == 0 })
		assert.ElementsMatch(t, before, p.Workers(), "they were asked, and obeyed")
		got, err := pool.Map(within(t), p, square, upTo(10))
		require.NoError(t, err)
		assert.Equal(t, squares(10), got)
	})
}
