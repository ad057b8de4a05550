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

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// A late cancel must never hit the next task.
var seesNoCancel = mp.Func(func(ctx context.Context, micros int) (bool, error) {
	for end := time.Now().Add(time.Duration(micros) * time.Microsecond); time.Now().Before(end); {
		if ctx.Err() != nil {
			return true, nil
		}
	}
	return ctx.Err() != nil, nil
})

func TestCancel_ALateOneNeverHitsTheNextTask(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2, KillGrace: time.Hour}, func(t *testing.T, p *pool.Pool) {
		r := random(t)
		for range 300 {
			victim := pool.Submit(context.Background(), p, seesNoCancel.With(r.IntN(200)))
			next := []*pool.Future[bool]{
				pool.Submit(context.Background(), p, seesNoCancel.With(100)),
				pool.Submit(context.Background(), p, seesNoCancel.With(100)),
			}
			spin(r.IntN(200))
			victim.Cancel()
			_, err := ended(t, victim)
			if err != nil {
				assert.ErrorIs(t, err, pool.ErrCancelled)
			}
			for _, f := range next {
				hit, err := ended(t, f)
				require.NoError(t, err)
				require.False(t, hit, "the cancel has hit another task")
			}
		}
		assert.Zero(t, p.Stats().Killed)
	})
}

// spin passes the time.
func spin(micros int) {
	for end := time.Now().Add(time.Duration(micros) * time.Microsecond); time.Now().Before(end); {
	}
}

func TestCancel_RacesWithResultsAndDeaths(t *testing.T) {
	check(t)
	r := random(t)
	p := newPool(t, pool.Options{Workers: 3, KillGrace: 20 * time.Millisecond})
	const n = 600
	var wg sync.WaitGroup
	fs := make([]*pool.Future[int], n)
	path := filepath.Join(t.TempDir(), "ran")
	for i := range fs {
		switch r.IntN(20) {
		case 0:
			fs[i] = pool.Submit(context.Background(), p, exit.With(1))
		case 1:
			fs[i] = pool.Submit(context.Background(), p, divide.With(0))
		default:
			fs[i] = pool.Submit(context.Background(), p, marking.With(mark{path, i, time.Duration(r.IntN(500)) * time.Microsecond}))
		}
		if r.IntN(2) == 0 {
			delay := r.IntN(20000)
			wg.Go(func() { time.Sleep(time.Duration(delay) * time.Microsecond); fs[i].Cancel() })
		}
	}
	var values, cancelled, failed int64
	for i, f := range fs {
		got, err := ended(t, f)
		switch {
		case err == nil:
			values++
			assert.Equal(t, i, got)
		case assert.ObjectsAreEqual(pool.ErrCancelled, err):
			cancelled++
		default:
			failed++
		}
	}
	wg.Wait()
	until(t, "the figures are at rest", func() bool { s := p.Stats(); return s.InFlight+s.Queued == 0 })
	s := p.Stats()
	assert.Equal(t, values, s.Completed)
	assert.Equal(t, int64(n), s.Completed+s.Failed+s.Cancelled, "%+v", s)
	assert.LessOrEqual(t, s.Cancelled, cancelled)
	assert.GreaterOrEqual(t, s.Failed, failed)
	for i, times := range numbers(t, path) {
		assert.Equal(t, 1, times, "task %d", i)
	}
}
