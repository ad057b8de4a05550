//go:build linux

package mp_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

var shortWork = mp.Func(func(_ context.Context, d time.Duration) (time.Duration, error) {
	time.Sleep(d)
	return d, nil
})

// killedOrDone checks the error of a process that may have been killed.
func killedOrDone(t *testing.T, err error, cause mp.Cause) (killed bool) {
	t.Helper()
	if err == nil {
		return false
	}
	exit := failed(t, err)
	require.Equal(t, syscall.SIGKILL, exit.Signal, "%v", exit)
	require.Equal(t, -9, exit.Code)
	if cause == mp.CauseKilled { // a kill from outside may also be a start that failed
		require.Equal(t, cause, exit.Cause, "%v", exit)
	} else {
		require.Contains(t, []mp.Cause{mp.CauseSignal, mp.CauseStart}, exit.Cause, "%v", exit)
	}
	require.Nil(t, exit.Remote)
	require.Empty(t, exit.LastWords)
	return true
}

func TestKillsAtRandomMoments(t *testing.T) {
	leaktest.Check(t)
	rng := random(t)
	killed := 0
	n := kills(t) / 4
	for i := range n {
		p := launch(t, shortWork.With(time.Duration(rng.IntN(5))*time.Millisecond))
		time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond) // the moment is what varies
		cause := mp.CauseKilled
		if i%2 == 0 {
			require.NoError(t, p.Kill())
		} else {
			cause = mp.CauseSignal
			_ = syscall.Kill(p.PID(), syscall.SIGKILL)
		}
		err := join(t, p)
		code, exited := p.ExitCode()
		require.True(t, exited)
		if killedOrDone(t, err, cause) {
			killed++
			assert.Equal(t, -9, code)
		} else {
			assert.Zero(t, code)
		}
		assert.False(t, p.Alive())
		require.Equal(t, err, p.Join(bounded(t)))
	}
	t.Logf("%d of %d were killed before they had finished", killed, n)
}

// What Run returns is the result or an error, never both and never neither.
func TestRunWhoseChildIsKilledAtRandomMoments(t *testing.T) {
	leaktest.Check(t)
	rng := random(t)
	for range kills(t) / 4 {
		work := time.Duration(1+rng.IntN(4)) * time.Millisecond
		done := make(chan struct{})
		var got time.Duration
		var err error
		go func() {
			defer close(done)
			got, err = mp.Run(bounded(t), shortWork.With(work))
		}()
		time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
		for _, p := range mp.ActiveChildren() {
			_ = syscall.Kill(p.PID(), syscall.SIGKILL)
		}
		<-done
		if killedOrDone(t, err, mp.CauseSignal) {
			assert.Zero(t, got)
		} else {
			assert.Equal(t, work, got)
		}
	}
}

// A context that ends at any moment leaves nothing behind.
func TestRunWhoseContextEndsAtRandomMoments(t *testing.T) {
	leaktest.Check(t)
	rng := random(t)
	for range kills(t) / 4 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rng.IntN(8000))*time.Microsecond)
		got, err := mp.Run(ctx, obedient.With(3))
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Zero(t, got)
		} else {
			assert.Equal(t, 3, got)
		}
		cancel()
		require.Empty(t, mp.ActiveChildren())
	}
}

var obedient = mp.Func(func(ctx context.Context, n int) (int, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(2 * time.Millisecond):
		return n, nil
	}
})
