//go:build linux

package pool_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

func TestFUT09_CallbacksRunOnceInOrderWhateverTheOutcome(t *testing.T) {
	check(t)
	var log lockedBuffer
	p := newPool(t, pool.Options{Workers: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	dir, running := busyPool(t, p)
	calls := []mp.Call[int]{square.With(3), divide.With(0), square.With(4)}
	fs := make([]*pool.Future[int], len(calls))
	orders := make([][]int, len(calls))
	errs := make([]error, len(calls))
	for i, c := range calls {
		fs[i] = pool.Submit(context.Background(), p, c)
		for n := range 5 {
			fs[i].OnDone(func(_ int, err error) {
				orders[i] = append(orders[i], n)
				errs[i] = err
				if n == 2 {
					panic("a callback panics")
				}
			})
		}
	}
	fs[2].Cancel()
	open(t, dir)
	_, err := ended(t, running)
	require.NoError(t, err)
	for i, f := range fs {
		_, err := ended(t, f)
		assert.Equal(t, []int{0, 1, 2, 3, 4}, orders[i], "they have returned when Done is closed")
		assert.Equal(t, err, errs[i])
		called := false
		f.OnDone(func(_ int, late error) { called = true; assert.Equal(t, err, late) })
		assert.True(t, called, "at once, in this goroutine")
		assert.NotPanics(t, func() { f.OnDone(func(int, error) { panic("late") }) })
	}
	assert.Contains(t, log.String(), "a callback panics")
	got, err := pool.Apply(within(t), p, square.With(2)) // FUT-32
	require.NoError(t, err)
	assert.Equal(t, 4, got)
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestPOOL02_CallbacksOfAMapGetTheWholeResultOnce(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		var good, bad atomic.Int64
		f := pool.MapAsync(within(t), p, square, upTo(10))
		f.OnDone(func(all []int, err error) {
			if err == nil && slices.Equal(all, squares(10)) {
				good.Add(1)
			}
		})
		g := pool.MapAsync(within(t), p, divide, []int{1, 0, 2})
		g.OnDone(func(all []int, err error) {
			var item *pool.TaskError
			if errors.As(err, &item) && all == nil {
				bad.Add(1)
			}
		})
		_, pending, err := pool.Wait(within(t), pool.AllDone, f, g)
		require.NoError(t, err)
		assert.Empty(t, pending)
		assert.EqualValues(t, 1, good.Load())
		assert.EqualValues(t, 1, bad.Load())
	})
}

func TestPOOL19_AFailingTaskCallsTheCallbackWithItsError(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		seen := make(chan error, 1)
		f := pool.Submit(within(t), p, divide.With(0))
		f.OnDone(func(_ int, err error) { seen <- err })
		_, err := ended(t, f)
		assert.ErrorContains(t, err, "division by nothing")
		assert.Equal(t, err, <-seen)
	})
}

func TestFUT27_ACallbackMaySubmitTheNextTask(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		var wg sync.WaitGroup
		for _, length := range []int{100, 50, 60} {
			wg.Add(1)
			var next func(n int)
			next = func(n int) {
				if n == length {
					wg.Done()
					return
				}
				pool.Submit(context.Background(), p, square.With(n)).OnDone(func(got int, err error) {
					assert.NoError(t, err)
					assert.Equal(t, n*n, got)
					next(n + 1)
				})
			}
			next(0)
		}
		returns(t, "a chain", wg.Wait)
	})
}

func TestFUT31_ACallbackThatSubmitsACrash(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	second := make(chan *pool.Future[int], 1)
	first := pool.Submit(within(t), p, square.With(3))
	first.OnDone(func(int, error) { second <- pool.Submit(context.Background(), p, exit.With(1)) })
	got, err := ended(t, first)
	require.NoError(t, err)
	assert.Equal(t, 9, got)
	_, err = ended(t, <-second)
	assert.Equal(t, 1, died(t, err).ExitCode)
	got, err = pool.Apply(within(t), p, square.With(2))
	require.NoError(t, err)
	assert.Equal(t, 4, got)
}
