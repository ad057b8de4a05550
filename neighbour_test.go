//go:build linux

package mp_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

func TestG05_CommandsOfTheProgramAreNotDisturbed(t *testing.T) {
	leaktest.Check(t)
	ctx := bounded(t)
	errs := make(chan error)
	const n = 20
	for i := range n {
		go func() {
			out, err := exec.CommandContext(ctx, "echo", "hello").Output()
			if err == nil && string(out) != "hello\n" {
				err = errors.New(string(out))
			}
			errs <- err
		}()
		go func() {
			_, err := mp.Run(ctx, square.With(i))
			errs <- err
		}()
	}
	for range 2 * n {
		require.NoError(t, <-errs)
	}
}

// withoutSIGCHLD lets the kernel reap the children before anybody can ask.
var withoutSIGCHLD = mp.Func(func(ctx context.Context, n int) (int, error) {
	signal.Ignore(syscall.SIGCHLD)
	return mp.Run(ctx, square.With(n))
})

func TestNobodyHangsWhenSomebodyElseReaps(t *testing.T) {
	got, err := mp.Run(bounded(t), withoutSIGCHLD.With(6))
	if err != nil {
		assert.NotErrorIs(t, err, context.DeadlineExceeded)
	} else {
		assert.Equal(t, 36, got)
	}
}

func TestAFailureArrivesAlsoWhenStderrIsBroken(t *testing.T) {
	for name, call := range map[string]mp.AnyCall{"error": refuse.With("so not"), "panic": panics.With("so not")} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, r.Close())
		p := launch(t, call, func(p *mp.Process) { p.Stderr = w })
		require.NoError(t, w.Close())
		exit := failed(t, join(t, p))
		require.NotNil(t, exit.Remote, "%s: %v", name, exit)
		assert.Contains(t, exit.Remote.Text, "so not")
	}
}

func TestALongErrorTextIsCut(t *testing.T) {
	_, err := mp.Run(bounded(t), refuse.With(strings.Repeat("long ", 1<<20)))
	text := remote(t, err).Text
	assert.True(t, strings.HasPrefix(text, "long long "))
	assert.Less(t, len(text), 1<<20)
}

func TestStartOnlyOnceAlsoAtTheSameTime(t *testing.T) {
	leaktest.Check(t)
	p := mp.NewProcess(nothing.With(none))
	errs := make(chan error)
	for range 10 {
		go func() { errs <- p.Start() }()
	}
	started := 0
	for range 10 {
		if err := <-errs; err == nil {
			started++
		} else {
			assert.ErrorIs(t, err, mp.ErrStarted)
		}
	}
	assert.Equal(t, 1, started)
	require.NoError(t, join(t, p))
}

func TestSysProcAttr(t *testing.T) {
	p, box := launchTalking(t, hang.With(none), func(p *mp.Process) {
		p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	})
	box.next(t)
	group, err := syscall.Getpgid(p.PID())
	require.NoError(t, err)
	assert.Equal(t, p.PID(), group)
}
