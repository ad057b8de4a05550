//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

func TestSEM01_ASemaphoreHasNoUpperBound(t *testing.T) {
	s := made[*mp.Semaphore](t)(mp.NewSemaphore(2))
	assert.Equal(t, 2, s.Value())
	require.NoError(t, s.Acquire(bounded(t)))
	assert.Equal(t, 1, s.Value())
	require.NoError(t, s.Acquire(bounded(t)))
	assert.Equal(t, 0, s.Value())
	assert.False(t, s.TryAcquire())
	for want := 1; want <= 4; want++ {
		require.NoError(t, s.Release())
		assert.Equal(t, want, s.Value())
	}
	assert.True(t, s.TryAcquire())
	assert.Equal(t, "mp.Semaphore(3)", s.String())

	full := made[*mp.Semaphore](t)(mp.NewSemaphore(math.MaxInt32))
	assert.ErrorIs(t, full.Release(), mp.ErrReleasedTooOften)
	assert.Equal(t, math.MaxInt32, full.Value())
}

func TestSEM02_ABoundedSemaphoreIsNotReleasedTooOften(t *testing.T) {
	s := made[*mp.BoundedSemaphore](t)(mp.NewBoundedSemaphore(2))
	assert.ErrorIs(t, s.Release(), mp.ErrReleasedTooOften)
	assert.Equal(t, 2, s.Value())
	require.NoError(t, s.Acquire(bounded(t)))
	assert.True(t, s.TryAcquire())
	assert.False(t, s.TryAcquire())
	assert.Equal(t, "mp.BoundedSemaphore(0)", s.String())
	require.NoError(t, s.Release())
	require.NoError(t, s.Release())
	assert.ErrorIs(t, s.Release(), mp.ErrReleasedTooOften)
	assert.Equal(t, 2, s.Value())

	none := made[*mp.BoundedSemaphore](t)(mp.NewBoundedSemaphore(0))
	assert.False(t, none.TryAcquire())
	assert.ErrorIs(t, none.Release(), mp.ErrReleasedTooOften)
}

func TestSEM03_WaitsEndWithTheTime(t *testing.T) {
	plain := made[*mp.Semaphore](t)(mp.NewSemaphore(0))
	permits := made[*mp.BoundedSemaphore](t)(mp.NewBoundedSemaphore(0))
	for _, s := range []interface {
		TryAcquire() bool
		Acquire(ctx context.Context) error
		Value() int
	}{plain, permits} {
		assert.False(t, s.TryAcquire())
		assert.Equal(t, context.DeadlineExceeded, s.Acquire(endedContext()))
		assert.ErrorIs(t, s.Acquire(within(t, 0)), context.DeadlineExceeded)
		cancelled, cancel := context.WithCancel(context.Background())
		ended := inBackground(t, func() error { return s.Acquire(cancelled) })
		cancel()
		assert.Equal(t, context.Canceled, ended())
		timed(t, s.Acquire)
		assert.Zero(t, s.Value())
	}
	require.NoError(t, plain.Release())
	assert.Equal(t, context.DeadlineExceeded, plain.Acquire(endedContext()), "nothing is changed")
	assert.Equal(t, 1, plain.Value())
}

func TestSEM04_ANegativeCountIsRefused(t *testing.T) {
	_, err := mp.NewSemaphore(-1)
	assert.ErrorContains(t, err, "NewSemaphore(-1)")
	_, err = mp.NewBoundedSemaphore(-1)
	assert.ErrorContains(t, err, "NewBoundedSemaphore(-1)")
	if math.MaxInt > math.MaxInt32 {
		_, err = mp.NewSemaphore(math.MaxInt32 + 1)
		assert.Error(t, err)
	}
}

var produce = mp.Action(func(_ context.Context, s *mp.Semaphore) error {
	time.Sleep(50 * time.Millisecond) // meanwhile the other one waits
	return s.Release()
})

func TestSEM05_AReleaseInAChildWakesTheParent(t *testing.T) {
	s := made[*mp.Semaphore](t)(mp.NewSemaphore(0))
	p := launch(t, produce.With(s))
	require.NoError(t, s.Acquire(bounded(t)))
	assert.Zero(t, s.Value())
	assert.NoError(t, join(t, p))
	p = launch(t, produce.With(s))
	assert.NoError(t, join(t, p))
	assert.Equal(t, 1, s.Value(), "the count is common to all")
}

// permitWork takes and gives permits, and checks that there are never more out than
// there are.
type permitWork struct {
	Permits *mp.BoundedSemaphore
	Inside  *mp.Value[int]
	N       int
	Rounds  int
}

var workWithPermits = mp.Action(func(ctx context.Context, w permitWork) error {
	for range w.Rounds {
		if err := w.Permits.Acquire(ctx); err != nil {
			return err
		}
		var inside int
		w.Inside.Update(func(n *int) { *n++; inside = *n })
		if inside > w.N {
			return fmt.Errorf("%d inside, and %d permits", inside, w.N)
		}
		w.Inside.Update(func(n *int) { *n-- })
		if err := w.Permits.Release(); err != nil {
			return err
		}
	}
	return nil
})

func TestPermitsAreNeverMore(t *testing.T) {
	const n = 2
	w := permitWork{
		made[*mp.BoundedSemaphore](t)(mp.NewBoundedSemaphore(n)),
		made[*mp.Value[int]](t)(mp.NewValue(0)),
		n, 500,
	}
	var processes []*mp.Process
	for range 4 {
		processes = append(processes, launch(t, workWithPermits.With(w)))
	}
	for _, p := range processes {
		assert.NoError(t, join(t, p))
	}
	assert.Equal(t, n, w.Permits.Value())
}

var (
	takePermit = mp.Action(func(ctx context.Context, s *mp.BoundedSemaphore) error { return s.Acquire(ctx) })
	failWithIt = mp.Action(func(ctx context.Context, s *mp.BoundedSemaphore) error {
		return errors.Join(s.Acquire(ctx), errors.New("on purpose"))
	})
	givePermit = mp.Action(func(_ context.Context, s *mp.BoundedSemaphore) error { return s.Release() })
	closeIt    = mp.Action(func(ctx context.Context, a closing) error {
		err := errors.Join(a.Permits.Acquire(ctx), a.Permits.Close(), a.Closed.Release())
		<-ctx.Done()
		return err
	})
)

type closing struct {
	Permits *mp.BoundedSemaphore
	Closed  *mp.Semaphore
}

// The permits of a process come back however it gives them up.
func TestPermitsComeBack(t *testing.T) {
	s := made[*mp.BoundedSemaphore](t)(mp.NewBoundedSemaphore(1))
	t.Run("at its end", func(t *testing.T) {
		assert.NoError(t, join(t, launch(t, takePermit.With(s))))
		assert.Equal(t, 1, s.Value())
	})
	t.Run("if it fails", func(t *testing.T) {
		assert.Error(t, join(t, launch(t, failWithIt.With(s))))
		eventually(t, "it comes back", func() bool { return s.Value() == 1 })
	})
	t.Run("when it closes its handle", func(t *testing.T) {
		closed := made[*mp.Semaphore](t)(mp.NewSemaphore(0))
		launch(t, closeIt.With(closing{s, closed}))
		acquired(t, closed, 1)
		assert.Equal(t, 1, s.Value())
	})
	t.Run("when another one gives it", func(t *testing.T) {
		require.NoError(t, s.Acquire(bounded(t)))
		assert.NoError(t, join(t, launch(t, givePermit.With(s))))
		assert.Equal(t, 1, s.Value())
		assert.ErrorIs(t, s.Release(), mp.ErrReleasedTooOften)
	})
}
