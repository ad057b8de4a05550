//go:build linux

package mp_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// oneOf is who wants to do something once.
type oneOf struct {
	Once  *mp.Once
	Times *mp.Counter
	Die   bool
}

var doOnce = mp.Action(func(ctx context.Context, o oneOf) error {
	return o.Once.Do(ctx, func() error {
		o.Times.Add(1)
		if o.Die {
			exitNow()
		}
		return nil
	})
})

func TestOnceIsOnceForAllProcesses(t *testing.T) {
	o := oneOf{Once: made[*mp.Once](t)(mp.NewOnce()), Times: made[*mp.Counter](t)(mp.NewCounter(0))}
	assert.Equal(t, "mp.Once(not done)", o.Once.String())
	bad := errors.New("on purpose")
	assert.Equal(t, bad, o.Once.Do(bounded(t), func() error { return bad }))
	assert.Panics(t, func() { _ = o.Once.Do(bounded(t), func() error { panic(bad) }) })
	o.Die = true
	assert.Error(t, join(t, launch(t, doOnce.With(o))))
	assert.False(t, o.Once.Done())
	assert.EqualValues(t, 1, o.Times.Load())

	o.Die = false
	var processes []*mp.Process
	for range 5 {
		processes = append(processes, launch(t, doOnce.With(o)))
	}
	for range 5 {
		assert.NoError(t, o.Once.Do(bounded(t), func() error { o.Times.Add(1); return nil }))
	}
	for _, p := range processes {
		assert.NoError(t, join(t, p))
	}
	assert.EqualValues(t, 2, o.Times.Load(), "once by the one that died, once in the end")
	assert.True(t, o.Once.Done())
	assert.Equal(t, "mp.Once(done)", o.Once.String())
	assert.Equal(t, context.DeadlineExceeded, o.Once.Do(endedContext(), nil))
}

func TestOnceWaitsForWhoDoesIt(t *testing.T) {
	o := made[*mp.Once](t)(mp.NewOnce())
	begun, end := make(chan struct{}), make(chan struct{})
	does := inBackground(t, func() error {
		return o.Do(context.Background(), func() error { close(begun); <-end; return nil })
	})
	<-begun
	assert.ErrorIs(t, o.Close(), mp.ErrInUse)
	assert.ErrorContains(t, o.Close(), "Do has called a function")
	timed(t, func(ctx context.Context) error { return o.Do(ctx, nil) })
	close(end)
	assert.NoError(t, does())
	assert.NoError(t, o.Do(context.Background(), nil))
	require.NoError(t, o.Close())
	assert.ErrorIs(t, o.Do(context.Background(), nil), mp.ErrClosed)
	assert.ErrorContains(t, new(mp.Once).Do(context.Background(), nil), "not made here")
}

var countTo = mp.Action(func(_ context.Context, c *mp.Counter) error {
	for range 5000 {
		c.Add(1)
		for n := c.Load(); !c.CompareAndSwap(n, n+1); n = c.Load() {
		}
	}
	return nil
})

func TestACounterLosesNothing(t *testing.T) {
	c := made[*mp.Counter](t)(mp.NewCounter(-40_000))
	var processes []*mp.Process
	for range 4 {
		processes = append(processes, launch(t, countTo.With(c)))
	}
	for _, p := range processes {
		assert.NoError(t, join(t, p))
	}
	assert.Zero(t, c.Load())
	c.Store(7)
	assert.False(t, c.CompareAndSwap(6, 8))
	assert.Equal(t, "mp.Counter(7)", c.String())
	require.NoError(t, c.Close())
	assert.Panics(t, func() { c.Add(1) })
	assert.Panics(t, func() { new(mp.Counter).Load() })
	assert.Contains(t, c.String(), "closed")
}
