//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

var (
	errOwn        = errors.New("an error of this program")
	errUnknown    = errors.New("an error that nobody has registered")
	errRegistered = errors.New("registered")
)

// codedError is registered as a pointer, plainError as a value.
type codedError struct {
	Code  int
	Where []string
}

func (e *codedError) Error() string { return fmt.Sprintf("code %d", e.Code) }

type plainError struct{ Text string }

func (e plainError) Error() string { return e.Text }

type unregisteredError struct{ Code int }

func (e *unregisteredError) Error() string { return "unregistered" }

func init() {
	mp.RegisterError("mp_test.own", errOwn)
	mp.RegisterError("mp_test.registered", errRegistered)
	mp.RegisterErrorType[*codedError]()
	mp.RegisterErrorType[plainError]()
}

// failures are the errors that a task can be asked for.
var failures = map[string]func(ctx context.Context) error{
	"sentinel":     func(context.Context) error { return errOwn },
	"wrapped":      func(context.Context) error { return fmt.Errorf("deep: %w", fmt.Errorf("deeper: %w", errOwn)) },
	"joined":       func(context.Context) error { return errors.Join(errUnknown, errOwn, io.ErrUnexpectedEOF) },
	"typed":        func(context.Context) error { return fmt.Errorf("at: %w", &codedError{7, []string{"a", "b"}}) },
	"plain":        func(context.Context) error { return plainError{"as a value"} },
	"unregistered": func(context.Context) error { return &unregisteredError{3} },
	"errno":        func(context.Context) error { return syscall.ENOSPC },
	"path":         func(context.Context) error { _, err := os.Open("/does/not/exist"); return err },
	"eof":          func(context.Context) error { return fmt.Errorf("reading: %w", io.EOF) },
	"canceled":     func(context.Context) error { return context.Canceled },
	"deadline":     func(context.Context) error { return context.DeadlineExceeded },
	"panic":        func(context.Context) error { panic(fmt.Errorf("in a panic: %w", errOwn)) },
	"panic typed":  func(context.Context) error { panic(&codedError{8, nil}) },
	"nested": func(ctx context.Context) error {
		_, err := mp.Run(ctx, failAs.With("typed"))
		return fmt.Errorf("the child says: %w", err)
	},
}

var failAs *mp.Task[string, mp.None]

func init() {
	failAs = mp.Action(func(ctx context.Context, how string) error { return failures[how](ctx) })
}

func TestErrorsIsAcrossProcesses(t *testing.T) {
	for how, targets := range map[string][]error{
		"sentinel":    {errOwn},
		"wrapped":     {errOwn},
		"joined":      {errOwn, io.ErrUnexpectedEOF},
		"errno":       {syscall.ENOSPC},
		"path":        {fs.ErrNotExist, os.ErrNotExist, syscall.ENOENT},
		"eof":         {io.EOF},
		"canceled":    {context.Canceled},
		"deadline":    {context.DeadlineExceeded},
		"panic":       {errOwn},
		"panic typed": {},
	} {
		t.Run(how, func(t *testing.T) {
			p := launch(t, failAs.With(how), func(p *mp.Process) { p.Stderr = outputFile(t) })
			joined := p.Join(t.Context())
			_, run := mp.Run(bounded(t), failAs.With(how))
			for _, err := range []error{joined, run} {
				remote(t, err)
				for _, target := range targets {
					require.ErrorIs(t, err, target)
				}
				require.NotErrorIs(t, err, errRegistered)
				require.NotErrorIs(t, err, errUnknown)
				require.NotErrorIs(t, err, fs.ErrPermission)
			}
		})
	}
}

func TestErrorsAsAcrossProcesses(t *testing.T) {
	var coded *codedError
	for _, how := range []string{"typed", "nested"} {
		_, err := mp.Run(bounded(t), failAs.With(how))
		require.ErrorAs(t, err, &coded, how)
		assert.Equal(t, codedError{7, []string{"a", "b"}}, *coded, how)
		var plain plainError
		assert.NotErrorAs(t, err, &plain)
	}
	_, err := mp.Run(bounded(t), failAs.With("panic typed"))
	require.ErrorAs(t, err, &coded)
	assert.Equal(t, 8, coded.Code)

	_, err = mp.Run(bounded(t), failAs.With("plain"))
	var plain plainError
	require.ErrorAs(t, err, &plain)
	assert.Equal(t, "as a value", plain.Text)

	var errno syscall.Errno
	_, err = mp.Run(bounded(t), failAs.With("path"))
	require.ErrorAs(t, err, &errno)
	assert.Equal(t, syscall.ENOENT, errno)
	assert.Equal(t, "open /does/not/exist: no such file or directory", err.Error())

	_, err = mp.Run(bounded(t), failAs.With("unregistered"))
	var unregistered *unregisteredError
	require.NotErrorAs(t, err, &unregistered)
	assert.Equal(t, "unregistered", err.Error())
	assert.Equal(t, "*mp_test.unregisteredError", remote(t, err).Type)
}

func TestRemoteErrorTexts(t *testing.T) {
	_, err := mp.Run(bounded(t), failAs.With("wrapped"))
	r := remote(t, err)
	assert.Equal(t, "deep: deeper: an error of this program", r.Error())
	assert.Equal(t, r.Text, fmt.Sprint(err))
	assert.Equal(t, r.Text, fmt.Sprintf("%v %s", err, "")[:len(r.Text)])
	assert.Equal(t, fmt.Sprintf("%q", r.Text), fmt.Sprintf("%q", err))
	assert.False(t, r.Panic)
	assert.Positive(t, r.PID)
	assert.Regexp(t, `^Process-\d+$`, r.Worker)
	long := fmt.Sprintf("%+v", err)
	for _, part := range []string{r.Text, r.Worker, fmt.Sprint(r.PID), "remote_error_test.go:"} {
		assert.Contains(t, long, part)
	}
}

func TestRemotePanicShowsTheStack(t *testing.T) {
	_, err := mp.Run(bounded(t), failAs.With("panic"))
	r := remote(t, err)
	assert.True(t, r.Panic)
	assert.Contains(t, fmt.Sprintf("%+v", err), "remote_error_test.go:")
	assert.Contains(t, r.Stack, "goroutine")
	assert.NotContains(t, r.Stack, "debug.Stack", "it begins where the panic was")
}

func TestExitErrorLeadsToTheRemoteError(t *testing.T) {
	p := launch(t, failAs.With("typed"), func(p *mp.Process) { p.Name, p.Stderr = "Ida", outputFile(t) })
	err := join(t, p)
	exit := failed(t, err)
	assert.Equal(t, mp.CauseError, exit.Cause)
	assert.Equal(t, 1, exit.Code)
	assert.Same(t, exit.Remote, remote(t, err))
	assert.Equal(t, "Ida", exit.Remote.Worker)
	assert.Equal(t, fmt.Sprintf("mp: process Ida (pid %d) failed: at: code 7", p.PID()), err.Error())
	var coded *codedError
	require.ErrorAs(t, err, &coded)
}
