//go:build linux

package pool_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// big fails with an error of the given size after a while.
var big = mp.Func(func(_ context.Context, m mixed) (int, error) {
	time.Sleep(time.Duration(m.Arg) * time.Millisecond)
	if err := note(filepath.Join(m.Dir, "returned"), m.Do); err != nil {
		return 0, err
	}
	return 0, errors.New(strings.Repeat("x", 1<<20))
})

func TestPOOL16_MapAwaitsRunningItemsWhenOneHasFailed(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		items := []mixed{{Do: "a", Dir: dir}, {Do: "b", Dir: dir, Arg: 300}}
		got, err := pool.Map(within(t), p, big, items, pool.ChunkSize(1))
		assert.Nil(t, got)
		var item *pool.TaskError
		require.ErrorAs(t, err, &item)
		var remote *mp.RemoteError
		require.ErrorAs(t, err, &remote)
		assert.Contains(t, remote.Text, "xxxx")
		if ran := notes(t, filepath.Join(dir, "returned")); assert.Contains(t, ran, "a") && item.Index == 1 {
			assert.Contains(t, ran, "b")
		}
		s := p.Stats()
		assert.Zero(t, s.InFlight+s.Queued, "nothing runs any more: %+v", s)
		require.NoError(t, p.Shutdown(within(t)))
	})
}

func TestMap_TheErrorNamesTheItemThatFailed(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		for _, at := range []int{0, 1, 17, 99} {
			items := slices.Repeat([]int{5}, 100)
			items[at] = 0
			for _, opts := range [][]pool.Option{nil, {pool.ChunkSize(1)}, {pool.ChunkSize(7)}, {pool.ChunkSize(1000)}} {
				got, err := pool.Map(within(t), p, divide, items, opts...)
				assert.Nil(t, got)
				var item *pool.TaskError
				require.ErrorAs(t, err, &item)
				assert.Equal(t, at, item.Index)
				assert.ErrorContains(t, err, "division by nothing")
			}
		}
	})
}

func TestMap_NothingIsStartedBehindTheFirstError(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		open(t, dir)
		items := make([]stayOrFail, 1000)
		for i := range items {
			items[i] = stayOrFail{Dir: dir, ID: i, Fail: i == 3}
		}
		_, err := pool.Map(within(t), p, holdOrFail, items, pool.ChunkSize(1))
		require.Error(t, err)
		ran := numbers(t, filepath.Join(dir, "started"))
		assert.Less(t, len(ran), 1000)
		for i := range 4 {
			assert.Equal(t, 1, ran[i])
		}
	})
}

type stayOrFail struct {
	Dir  string
	ID   int
	Fail bool
}

var holdOrFail = mp.Func(func(_ context.Context, s stayOrFail) (int, error) {
	if err := note(filepath.Join(s.Dir, "started"), fmtInt(s.ID)); err != nil {
		return 0, err
	}
	if s.Fail {
		return 0, errors.New("refused")
	}
	time.Sleep(2 * time.Millisecond)
	return s.ID, nil
})

func TestMap_KeepGoingRunsAllAndJoinsTheErrorsInOrder(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		items := upTo(200)
		want := make([]int, 200)
		for i := range items {
			if items[i]%7 == 0 {
				items[i] = 0
				continue
			}
			want[i] = 100 / items[i]
		}
		for _, opts := range [][]pool.Option{{}, {pool.ChunkSize(1)}, {pool.ChunkSize(13)}} {
			got, err := pool.Map(within(t), p, divide, items, append(opts, pool.KeepGoing())...)
			assert.Equal(t, want, got)
			joined, ok := err.(interface{ Unwrap() []error })
			require.True(t, ok)
			var indices []int
			for _, err := range joined.Unwrap() {
				var item *pool.TaskError
				require.ErrorAs(t, err, &item)
				indices = append(indices, item.Index)
			}
			assert.Len(t, indices, 29)
			assert.True(t, slices.IsSorted(indices))
		}
	})
}
