//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

var mpExit = mp.Action(func(_ context.Context, code int) error {
	mp.Exit(code)
	return nil
})

func TestPROC21_ExitCodes(t *testing.T) {
	leaktest.Check(t)
	for _, c := range []struct {
		task *mp.Task[int, mp.None]
		code int
	}{{exitWith, 0}, {exitWith, 3}, {exitWith, 255}, {mpExit, 0}, {mpExit, 1}, {mpExit, 8}} {
		p := launch(t, c.task.With(c.code))
		err := join(t, p)
		code, exited := p.ExitCode()
		assert.True(t, exited)
		assert.Equal(t, c.code, code)
		if c.code == 0 {
			require.NoError(t, err)
			continue
		}
		exit := failed(t, err)
		assert.Equal(t, c.code, exit.Code)
		assert.Zero(t, exit.Signal)
		assert.Equal(t, mp.CauseExit, exit.Cause)
		assert.Contains(t, exit.Error(), fmt.Sprintf("exited with code %d", c.code))
	}
}

// A Go function has no exit argument to print: an error is code 1, its text on
// stderr.
func TestPROC21_AnErrorIsItsTextAndCodeOne(t *testing.T) {
	stderr := outputFile(t)
	p := launch(t, refuse.With("some text"), func(p *mp.Process) { p.Stderr = stderr })
	assert.Equal(t, 1, failed(t, join(t, p)).Code)
	assert.Contains(t, content(t, stderr), "some text")
}

func TestPROC27_RunOfATaskThatExits(t *testing.T) {
	for _, code := range []int{0, 123} {
		_, err := mp.Run(bounded(t), exitWith.With(code))
		exit := failed(t, err)
		assert.Equal(t, code, exit.Code, "a result is missing also when the code is 0")
		assert.Equal(t, mp.CauseExit, exit.Cause)
		assert.Positive(t, exit.PID)
	}
}

func TestPROC27_TheEndOfTheContextStopsTheTask(t *testing.T) {
	leaktest.Check(t)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := mp.Run(ctx, waitForEnd.With(none))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = mp.Run(ctx, square.With(1))
	require.ErrorIs(t, err, context.DeadlineExceeded, "nothing is started")
}

var waitForEnd = mp.Func(func(ctx context.Context, _ mp.None) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
})

func TestPROC27_ATaskThatIgnoresItsContextIsKilled(t *testing.T) {
	leaktest.Check(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := mp.Run(ctx, stubborn.With(none))
		done <- err
	}()
	select {
	case err := <-done:
		require.ErrorIs(t, err, context.DeadlineExceeded)
	case <-time.After(patience):
		require.Fail(t, "Run has not returned")
	}
}

// leaveBusy returns while another goroutine still works.
var leaveBusy = mp.Action0(func(context.Context) error {
	go time.Sleep(20 * time.Second)
	return nil
})

func TestPROC17_AProcessEndsWithItsTarget(t *testing.T) {
	p := launch(t, leaveBusy.With(none))
	require.NoError(t, join(t, p), "an ordinary goroutine is not waited for")
}

// leaveLater has work that is to be finished before the end.
var leaveLater = mp.Action(func(_ context.Context, path string) error {
	finished := make(chan error, 1)
	mp.OnExit(func() { <-finished })
	go func() {
		time.Sleep(50 * time.Millisecond)
		finished <- os.WriteFile(path, []byte("done"), 0o600)
	}()
	return nil
})

func TestPROC17_OnExitIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "marker")
	require.NoError(t, join(t, launch(t, leaveLater.With(path))))
	assert.FileExists(t, path)
}

var closeStream = mp.Action(func(_ context.Context, which int) error {
	if err := []*os.File{os.Stdin, os.Stdout, os.Stderr}[which].Close(); err != nil {
		return err
	}
	fmt.Println("to nobody")
	fmt.Fprintln(os.Stderr, "to nobody")
	return nil
})

func TestPROC18_MissingStandardStreams(t *testing.T) {
	closed := outputFile(t)
	require.NoError(t, closed.Close())
	stdout, stderr := os.Stdout, os.Stderr
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	for name, streams := range map[string][2]*os.File{
		"stdout":  {closed, stderr},
		"stderr":  {stdout, closed},
		"both":    {closed, closed},
		"no file": {nil, nil},
	} {
		os.Stdout, os.Stderr = streams[0], streams[1]
		err := join(t, launch(t, nothing.With(none)))
		os.Stdout, os.Stderr = stdout, stderr
		require.NoError(t, err, "%s closed before the start", name)
	}
	for which := range 3 {
		p := launch(t, closeStream.With(which), func(p *mp.Process) { p.Stdout, p.Stderr = outputFile(t), outputFile(t) })
		require.NoError(t, join(t, p), "descriptor %d closed by the child", which)
	}
}

var panics = mp.Action(func(_ context.Context, text string) error { panic(text) })

func TestPROC20_FailuresAreOnStderrInFull(t *testing.T) {
	for name, call := range map[string]mp.AnyCall{"error": refuse.With("so not"), "panic": panics.With("so not")} {
		t.Run(name, func(t *testing.T) {
			stderr := outputFile(t)
			p := launch(t, call, func(p *mp.Process) { p.Name, p.Stderr = "Karl", stderr })
			exit := failed(t, join(t, p))
			assert.Equal(t, 1, exit.Code)
			text := content(t, stderr)
			for _, part := range []string{"Karl", fmt.Sprint(p.PID()), "so not", "_test.go:"} {
				assert.Contains(t, text, part)
			}
			assert.True(t, strings.HasSuffix(text, "\n"), "the last line is complete")
		})
	}
}

// outputFile is a new file for the output of a child.
func outputFile(t testing.TB) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "output")
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// content is what has been written to a file.
func content(t testing.TB, f *os.File) string {
	t.Helper()
	text, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	return string(text)
}
