//go:build linux

package pool_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/pool"
)

func TestFUT10_WaitForFirstFirstErrorAndAll(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		dir, slow := busyPool(t, p)
		fine := pool.Submit(within(t), p, square.With(3))
		_, err := ended(t, fine)
		require.NoError(t, err)

		done, pending, err := pool.Wait(within(t), pool.FirstDone, slow, fine, slow, fine)
		require.NoError(t, err)
		same(t, []*pool.Future[int]{fine}, done)
		same(t, []*pool.Future[int]{slow}, pending)

		bad := pool.Submit(within(t), p, divide.With(0))
		done, pending, err = pool.Wait(within(t), pool.FirstError, slow, bad, fine)
		require.NoError(t, err)
		same(t, []*pool.Future[int]{bad, fine}, done)
		same(t, []*pool.Future[int]{slow}, pending)

		short, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer stop()
		done, pending, err = pool.Wait(short, pool.AllDone, slow, fine)
		assert.Equal(t, context.DeadlineExceeded, err)
		same(t, []*pool.Future[int]{fine}, done)
		same(t, []*pool.Future[int]{slow}, pending)

		open(t, dir)
		done, pending, err = pool.Wait(within(t), pool.AllDone, slow, bad, fine)
		require.NoError(t, err)
		same(t, []*pool.Future[int]{slow, bad, fine}, done)
		assert.Empty(t, pending)
		done, _, err = pool.Wait(within(t), pool.FirstError, slow, fine)
		require.NoError(t, err, "no error comes, but all have ended")
		assert.Len(t, done, 2)
	})
}

// same compares futures by identity: they are not to be looked into.
func same[F comparable](t *testing.T, want, got []F) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		assert.True(t, want[i] == got[i], "future %d is another one", i)
	}
}

func TestWait_ForNothingReturnsAtOnce(t *testing.T) {
	for _, until := range []pool.Until{pool.AllDone, pool.FirstDone, pool.FirstError} {
		done, pending, err := pool.Wait[*pool.Future[int]](within(t), until)
		require.NoError(t, err)
		assert.Empty(t, done)
		assert.Empty(t, pending)
	}
	for range pool.AsCompleted[*pool.Future[int]](within(t)) {
		assert.Fail(t, "a future out of nowhere")
	}
}

func TestWait_MixesFuturesOfSeveralTypes(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		one := pool.Submit(within(t), p, square.With(2))
		text := pool.Submit(within(t), p, weigh.With(parcel{"x", 1}))
		many := pool.MapAsync(within(t), p, square, upTo(5))
		done, pending, err := pool.Wait[pool.AnyFuture](within(t), pool.AllDone, one, text, many)
		require.NoError(t, err)
		same(t, []pool.AnyFuture{one, text, many}, done)
		assert.Empty(t, pending)
	})
}

func TestFUT11_AsCompletedYieldsEachOnceFinishedFirst(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		dir, slow := busyPool(t, p)
		early := pool.Submit(within(t), p, square.With(1))
		_, err := ended(t, early)
		require.NoError(t, err)
		bad := pool.Submit(within(t), p, divide.With(0))
		var order []*pool.Future[int]
		for f, err := range pool.AsCompleted(within(t), slow, bad, early, slow, early) {
			require.NoError(t, err, "an error of a task is that of its future")
			require.Equal(t, pool.Done, f.State())
			if order = append(order, f); len(order) == 2 {
				open(t, dir)
			}
		}
		require.Len(t, order, 3, "each once")
		same(t, []*pool.Future[int]{slow}, order[2:])
	})
}

func TestFUT11_AsCompletedUnderADeadline(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		_, slow := busyPool(t, p)
		early := pool.Submit(within(t), p, square.With(1))
		_, _ = ended(t, early)
		over, cancel := context.WithCancel(context.Background())
		cancel()
		for f, err := range pool.AsCompleted(over, slow) {
			assert.True(t, f == nil)
			assert.Equal(t, context.Canceled, err)
		}
		short, stop := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer stop()
		var yielded []*pool.Future[int]
		var last error
		for f, err := range pool.AsCompleted(short, slow, early) {
			yielded, last = append(yielded, f), err
		}
		same(t, []*pool.Future[int]{early, nil}, yielded)
		assert.Equal(t, context.DeadlineExceeded, last)
		for range pool.AsCompleted(within(t), early, slow) {
			break // leaves nothing behind
		}
		assert.Equal(t, pool.Running, slow.State())
		slow.Cancel()
		_, err := ended(t, slow)
		assert.ErrorIs(t, err, pool.ErrCancelled)
	})
}

func TestPOOL09_ATimeOfTheReaderDoesNotConsume(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		dir, f := busyPool(t, p)
		for range 3 {
			short, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
			_, err := f.Get(short)
			stop()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		open(t, dir)
		got, err := ended(t, f)
		require.NoError(t, err)
		assert.Equal(t, 1, got)
	})
}

func TestWait_ANilFutureIsAnError(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		dir, slow := busyPool(t, p)
		var none *pool.Future[int]
		for _, fs := range [][]pool.AnyFuture{{slow, none}, {none}, {slow, nil, slow}} {
			for _, until := range []pool.Until{pool.AllDone, pool.FirstDone, pool.FirstError} {
				done, pending, err := pool.Wait(within(t), until, fs...)
				assert.ErrorContains(t, err, "nil Future")
				assert.Empty(t, done)
				assert.Empty(t, pending)
			}
			yielded := 0
			for f, err := range pool.AsCompleted(within(t), fs...) {
				yielded++
				assert.Nil(t, f)
				assert.ErrorContains(t, err, "nil Future")
			}
			assert.Equal(t, 1, yielded)
		}
		_, _, err := pool.Wait(within(t), pool.AllDone, none)
		assert.ErrorContains(t, err, "nil Future", "of its own type, too")
		open(t, dir)
	})
}
