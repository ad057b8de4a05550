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

// What stops a Map from inside is nobody's error: a later error of an item that
// still ran is reported as what it is.
func TestMap_ItemsThatRunOnAfterAnErrorKeepTheirOwn(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2, KillGrace: 100 * time.Millisecond}, func(t *testing.T, p *pool.Pool) {
		dir := t.TempDir()
		late := mixed{Do: "deadline later", Arg: 1, Dir: dir}
		_, err := pool.Map(within(t), p, lateError, []mixed{late, {Do: "error", Dir: dir}}, pool.ChunkSize(1))
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "stopped")
		var remote *mp.RemoteError
		assert.ErrorAs(t, err, &remote)
	})
}

// lateError: one item fails at once when the other has begun, which ends 50 ms
// later with a deadline of its own.
var lateError = mp.Func(func(_ context.Context, m mixed) (int, error) {
	begun := filepath.Join(m.Dir, "begun")
	if m.Do == "error" {
		for ; ; time.Sleep(time.Millisecond) {
			if _, err := filepath.EvalSymlinks(begun); err == nil {
				return 0, errors.New("the other item")
			}
		}
	}
	if err := note(begun, ""); err != nil {
		return 0, err
	}
	time.Sleep(50 * time.Millisecond)
	return 0, context.DeadlineExceeded
})

func TestMap_TheEndOfTheContextAfterAnErrorIsNotHidden(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2, KillGrace: 50 * time.Millisecond})
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(within(t))
	f := pool.MapAsync(ctx, p, holdOrError, []stay{{Dir: dir, ID: 0, Deaf: true}, {Dir: dir, ID: -1}}, pool.ChunkSize(1))
	until(t, "one item has failed, the other runs", func() bool { return p.Stats().Failed == 1 })
	cancel()
	got, err := ended(t, f)
	assert.Nil(t, got)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "pool: stopped")
	var remote *mp.RemoteError
	assert.True(t, errors.Is(err, context.Canceled) || errors.As(err, &remote), "%v", err)
}

// holdOrError is hold, but a negative ID fails when the other has started.
var holdOrError = mp.Func(func(_ context.Context, s stay) (int, error) {
	started := filepath.Join(s.Dir, "started")
	if s.ID >= 0 {
		if err := note(started, ""); err != nil {
			return 0, err
		}
		time.Sleep(time.Hour)
	}
	for ; ; time.Sleep(time.Millisecond) {
		if _, err := filepath.EvalSymlinks(started); err == nil {
			return 0, errors.New("the first error")
		}
	}
})

func TestFUT04_MapUnderADeadline(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1, KillGrace: -1}, func(t *testing.T, p *pool.Pool) {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		items := []mixed{{Do: "value", Arg: 1}, {Do: "value", Arg: 2}, {Do: "sleep", Arg: 5000}, {Do: "value", Arg: 4}}
		var got []int
		var last error
		for v, err := range pool.Imap(ctx, p, mix, slices.Values(items), pool.ChunkSize(1)) {
			if last = err; err == nil {
				got = append(got, v)
			}
		}
		assert.Equal(t, []int{1, 2}, got)
		assert.ErrorIs(t, last, context.DeadlineExceeded)
		short, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer stop()
		all, err := pool.Map(short, p, mix, items)
		assert.Nil(t, all)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
