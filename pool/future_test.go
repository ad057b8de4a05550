//go:build linux

package pool_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/pool"
)

// busyPool returns a pool of one worker that runs a hold in dir, and its future.
func busyPool(t *testing.T, p *pool.Pool) (dir string, running *pool.Future[int]) {
	t.Helper()
	dir = t.TempDir()
	running = pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: 1}))
	until(t, "the task runs", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 1 })
	until(t, "its state says so", func() bool { return running.State() == pool.Running })
	return dir, running
}

func TestFUT06_WhatCancelDoesInEveryState(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		dir, running := busyPool(t, p)
		pending := pool.Submit(context.Background(), p, square.With(3))
		assert.Contains(t, []pool.FutureState{pool.Queued, pool.Sent}, pending.State())
		for _, f := range []*pool.Future[int]{running, pending} {
			assert.ErrorIs(t, f.Err(), pool.ErrNotDone)
		}
		assert.True(t, pending.Cancel())
		_, err := ended(t, pending)
		assert.ErrorIs(t, err, pool.ErrCancelled)
		assert.ErrorIs(t, err, context.Canceled)
		assert.False(t, pending.Cancel(), "there is nothing to cancel any more")

		assert.True(t, running.Cancel())
		assert.Contains(t, []pool.FutureState{pool.Cancelling, pool.Done}, running.State())
		_, err = ended(t, running)
		assert.ErrorIs(t, err, pool.ErrCancelled)
		assert.Equal(t, pool.Done, running.State())

		fine := pool.Submit(context.Background(), p, square.With(5))
		got, err := ended(t, fine)
		require.NoError(t, err)
		assert.False(t, fine.Cancel())
		again, err := fine.Get(context.Background())
		require.NoError(t, err, "the outcome stands")
		assert.Equal(t, got, again)
		failed := pool.Submit(context.Background(), p, divide.With(0))
		_, err = ended(t, failed)
		assert.False(t, failed.Cancel())
		assert.Equal(t, err, failed.Err())
		open(t, dir)
	})
}

func TestFUT07_GetWithAContext(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		dir, running := busyPool(t, p)
		pending := pool.Submit(context.Background(), p, square.With(3))
		over, cancel := context.WithCancel(context.Background())
		cancel()
		for _, f := range []*pool.Future[int]{running, pending} {
			_, err := f.Get(over)
			assert.Equal(t, context.Canceled, err)
			short, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
			_, err = f.Get(short)
			stop()
			assert.Equal(t, context.DeadlineExceeded, err)
			assert.NotEqual(t, pool.Done, f.State(), "nothing has changed")
		}
		var wg sync.WaitGroup
		outcomes := make(chan error, 40)
		for range 20 { // any number may wait
			wg.Go(func() { _, err := running.Get(within(t)); outcomes <- err })
			wg.Go(func() { _, err := pending.Get(within(t)); outcomes <- err })
		}
		pending.Cancel()
		open(t, dir)
		wg.Wait()
		close(outcomes)
		cancelled := 0
		for err := range outcomes {
			if err != nil {
				require.ErrorIs(t, err, pool.ErrCancelled)
				cancelled++
			}
		}
		assert.Equal(t, 20, cancelled)
		got, err := running.Get(over)
		require.NoError(t, err, "an ended future does not ask the context")
		assert.Equal(t, 1, got)
	})
}

func TestFUT08_TheFirstOutcomeStands(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2, KillGrace: -1}, func(t *testing.T, p *pool.Pool) {
		for i := range 100 {
			f := pool.Submit(context.Background(), p, square.With(i))
			go f.Cancel()
			got, err := ended(t, f)
			if err != nil {
				assert.ErrorIs(t, err, pool.ErrCancelled)
			} else {
				assert.Equal(t, i*i, got)
			}
			f.Cancel()
			later, laterErr := ended(t, f)
			assert.Equal(t, got, later)
			assert.Equal(t, err, laterErr)
		}
	})
}

func TestPOOL11_ReadyAndSuccessful(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		dir, f := busyPool(t, p)
		select {
		case <-f.Done():
			assert.Fail(t, "it is not done")
		default:
		}
		assert.ErrorIs(t, f.Err(), pool.ErrNotDone)
		open(t, dir)
		_, err := ended(t, f)
		require.NoError(t, err)
		assert.NoError(t, f.Err())
		assert.Equal(t, "done", f.State().String())
	})
}

func TestPOOL10_AnAsyncGetThatIsTooShortChangesNothing(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		_, f := busyPool(t, p)
		short, stop := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer stop()
		_, err := f.Get(short)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, pool.Running, f.State())
		f.Cancel()
		_, err = ended(t, f)
		assert.ErrorIs(t, err, pool.ErrCancelled)
	})
}

func TestFuture_StatesHaveNames(t *testing.T) {
	var names []string
	for s := pool.Queued; s <= pool.Done; s++ {
		names = append(names, s.String())
	}
	assert.Equal(t, []string{"queued", "sent", "running", "cancelling", "done"}, names)
	assert.Equal(t, "FutureState(17)", pool.FutureState(17).String())
}

func TestFuture_ANilOneHasEndedWithAnError(t *testing.T) {
	var f *pool.Future[int]
	got, err := f.Get(within(t))
	assert.ErrorContains(t, err, "nil Future")
	assert.Zero(t, got)
	assert.Equal(t, err, f.Err())
	<-f.Done()
	assert.Equal(t, pool.Done, f.State())
	assert.False(t, f.Cancel())
	called := 0
	f.OnDone(func(_ int, said error) {
		called++
		assert.Equal(t, err, said)
	})
	assert.Equal(t, 1, called)
}

func TestTaskError_HasATextWithoutAnErrorToo(t *testing.T) {
	assert.Equal(t, "pool: item 3 failed", (&pool.TaskError{Index: 3}).Error())
}
