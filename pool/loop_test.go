//go:build linux

package pool_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

var nothing = mp.Action(func(_ context.Context, n int) error {
	if n == 13 {
		return errKnown
	}
	return nil
})

func TestMap_TasksWithoutResults(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		got, err := pool.Map(within(t), p, nothing, slices.Repeat([]int{1}, 1000))
		require.NoError(t, err)
		assert.Len(t, got, 1000)
		_, err = pool.Map(within(t), p, nothing, upTo(20), pool.KeepGoing())
		assert.ErrorIs(t, err, errKnown)
		_, err = pool.Apply(within(t), p, nothing.With(1))
		require.NoError(t, err)
	})
}

func TestImap_APanicInTheLoopFreesEverything(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		assert.PanicsWithValue(t, "in the loop", func() {
			for range pool.Imap(within(t), p, square, slices.Values(upTo(100))) {
				panic("in the loop")
			}
		})
		until(t, "nothing runs", func() bool { s := p.Stats(); return s.InFlight+s.Queued == 0 })
		require.NoError(t, p.Shutdown(within(t)))
	})
}

func TestImap_ClosingThePoolInTheLoopEndsIt(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		n := 0
		var last error
		for _, err := range pool.Imap(within(t), p, square, func(yield func(int) bool) {
			for i := 0; yield(i); i++ {
			}
		}, pool.InFlight(4)) {
			if n++; n == 3 {
				_ = p.Close()
			}
			last = err
		}
		assert.ErrorIs(t, last, pool.ErrClosed)
	})
}

func TestProgress_APanicIsLoggedAndHarmsNobody(t *testing.T) {
	check(t)
	var log lockedBuffer
	p := newPool(t, pool.Options{Workers: 2, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	got, err := pool.Map(within(t), p, square, upTo(10), pool.Progress(func(int, int) { panic("in progress") }))
	require.NoError(t, err)
	assert.Equal(t, squares(10), got)
	assert.Contains(t, log.String(), "in progress")
}

func TestFuture_ACallbackMayAskItsOwnFuture(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		f := pool.Submit(within(t), p, square.With(4))
		asked := make(chan int, 1)
		f.OnDone(func(int, error) { v, _ := f.Get(context.Background()); asked <- v })
		got, err := ended(t, f)
		require.NoError(t, err)
		assert.Equal(t, got, <-asked)
	})
}
