//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

// An exit hook that ends the goroutine takes with it neither the others nor the end.
var quitInHook = mp.Action(func(_ context.Context, how string) error {
	mp.OnExit(func() { say("the last hook") })
	for range 2 {
		mp.OnExit(runtime.Goexit)
	}
	switch how {
	case "error":
		return errors.New("an error")
	case "exit":
		mp.Exit(7)
	}
	return nil
})

func TestAnExitHookThatEndsTheGoroutine(t *testing.T) {
	leaktest.Check(t)
	for how, want := range map[string]int{"return": 0, "error": 1, "exit": 7} {
		p, box := launchTalking(t, quitInHook.With(how), func(p *mp.Process) { p.Stderr = outputFile(t) })
		assert.Equal(t, []string{"the last hook"}, box.rest(t), how)
		_ = join(t, p)
		code, exited := p.ExitCode()
		assert.True(t, exited, how)
		assert.Equal(t, want, code, how)
	}
}

// A trap is an error whose methods panic in the process that receives it.
type trap struct{ Armed bool }

func (e trap) Error() string { return "a trap" }

// The child sends it unarmed, and decoding arms it.
func (e trap) MarshalBinary() ([]byte, error) { return []byte{1}, nil }
func (e *trap) UnmarshalBinary([]byte) error  { e.Armed = true; return nil }
func (e trap) Is(error) bool {
	if e.Armed {
		panic("a trap for the parent")
	}
	return false
}

func init() { mp.RegisterErrorType[trap]() }

var obeyWithTrap = mp.Action0(func(ctx context.Context) error {
	say("ready")
	<-ctx.Done()
	return fmt.Errorf("%w, and %w", trap{}, ctx.Err())
})

func TestErrorsOfAChildAreNotAskedByItsParent(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, obeyWithTrap.With(none))
	box.next(t)
	require.NoError(t, p.Stop(bounded(t)))
	var exit *mp.ExitError
	require.True(t, errors.As(p.Join(bounded(t)), &exit)) // join would ask it as well
	assert.Equal(t, mp.CauseKilled, exit.Cause, "the child has obeyed")
}

// Start gives a process its name while others may already wait for it.
func TestJoinWhileItStarts(t *testing.T) {
	p := mp.NewProcess(nothing.With(none))
	var joins atomic.Int32
	var wg sync.WaitGroup
	wg.Go(func() {
		for ; p.PID() == 0; joins.Add(1) {
			if err := p.Join(context.Background()); err != nil {
				assert.ErrorIs(t, err, mp.ErrNotStarted)
			}
		}
	})
	for joins.Load() < 10 {
		runtime.Gosched()
	}
	require.NoError(t, p.Start())
	wg.Wait()
	require.NoError(t, join(t, p))
}
