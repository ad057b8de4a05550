//go:build linux

package mp_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

func TestPROC14_Close(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, hang.With(none))
	box.next(t)
	require.ErrorIs(t, p.Close(), mp.ErrRunning)
	assert.True(t, p.Alive(), "the refused Close has changed nothing")
	before := openFiles()
	require.NoError(t, p.Kill())
	failed(t, join(t, p))
	require.NoError(t, p.Close())
	assert.Less(t, openFiles(), before)
	require.NoError(t, p.Close(), "closing twice is fine")
	assert.False(t, p.Alive())
	require.ErrorIs(t, p.Join(bounded(t)), mp.ErrClosed)
	require.ErrorIs(t, p.Terminate(), mp.ErrClosed)
	require.ErrorIs(t, p.Kill(), mp.ErrClosed)
	require.ErrorIs(t, p.Stop(bounded(t)), mp.ErrClosed)
	require.ErrorIs(t, p.Start(), mp.ErrClosed)
	code, exited := p.ExitCode()
	assert.True(t, exited)
	assert.Equal(t, -9, code)
	assert.Contains(t, p.String(), "closed")
}

func TestPROC14_CloseOfAProcessThatNeverStarted(t *testing.T) {
	p := mp.NewProcess(nothing.With(none))
	require.NoError(t, p.Close())
	require.ErrorIs(t, p.Start(), mp.ErrClosed)
	_, exited := p.ExitCode()
	assert.False(t, exited, "it has never run, so it has not exited")
}

func TestPROC22_TheWrongOrderIsRefused(t *testing.T) {
	p := mp.NewProcess(nothing.With(none))
	for name, call := range map[string]func() error{
		"join":      func() error { return p.Join(bounded(t)) },
		"terminate": p.Terminate,
		"kill":      p.Kill,
		"interrupt": p.Interrupt,
		"stop":      func() error { return p.Stop(bounded(t)) },
	} {
		require.ErrorIs(t, call(), mp.ErrNotStarted, name)
	}
	assert.False(t, p.Alive())
	assert.Zero(t, p.PID())
	require.NoError(t, p.Start())
	require.ErrorIs(t, p.Start(), mp.ErrStarted)
	require.NoError(t, join(t, p))
	require.ErrorIs(t, p.Start(), mp.ErrStarted)
	for name, call := range map[string]func() error{
		"terminate": p.Terminate,
		"kill":      p.Kill,
		"interrupt": p.Interrupt,
		"stop":      func() error { return p.Stop(bounded(t)) },
	} {
		require.NoError(t, call(), "%s after the end", name)
	}
	code, _ := p.ExitCode()
	assert.Zero(t, code)
}

func TestPROC22_NilAndZeroProcesses(t *testing.T) {
	for name, p := range map[string]*mp.Process{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, p.Start())
			require.ErrorIs(t, p.Join(bounded(t)), mp.ErrNotStarted)
			require.ErrorIs(t, p.Stop(bounded(t)), mp.ErrNotStarted)
			require.ErrorIs(t, p.Kill(), mp.ErrNotStarted)
			assert.False(t, p.Alive())
			assert.Zero(t, p.PID())
			_, exited := p.ExitCode()
			assert.False(t, exited)
			assert.NotEmpty(t, p.String())
			require.NoError(t, p.Close())
		})
	}
}

func TestPROC25_JoinWithAnEndedContext(t *testing.T) {
	p, box := launchTalking(t, hang.With(none))
	box.next(t)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	require.ErrorIs(t, p.Join(ctx), context.DeadlineExceeded)
	assert.GreaterOrEqual(t, time.Since(start), 280*time.Millisecond)
	require.ErrorIs(t, p.Join(ctx), context.DeadlineExceeded, "a context that has ended is no wait")
	_, exited := p.ExitCode()
	assert.False(t, exited)
	assert.True(t, p.Alive())
}

func TestPROC25_ManyMayJoin(t *testing.T) {
	p, box := launchTalking(t, hang.With(none))
	box.next(t)
	ctx := bounded(t)
	errs := make(chan error)
	for range 20 {
		go func() { errs <- p.Join(ctx) }()
	}
	require.NoError(t, p.Kill())
	first := failed(t, <-errs)
	for range 19 {
		assert.Same(t, first, failed(t, <-errs))
	}
}
