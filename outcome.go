package mp

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// misused panics with an error of a method that has no error to return.
func misused(what string, err error) {
	if err != nil {
		panic(misuse(what, err))
	}
}

// misuse names the method: the one that the user has called, also if that has used
// another one.
func misuse(what string, err error) error {
	if err == nil {
		return nil
	}
	if inner, ok := err.(*callError); ok {
		err = inner.err
	}
	return &callError{what, err}
}

// A callError is an error with the method that has returned it.
type callError struct {
	what string
	err  error
}

func (e *callError) Error() string { return "mp: " + e.what + ": " + e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// waitOutcome names the method in the error of a wait, but passes those of contexts
// on. already is the error of the context before the wait. Later, the deadline of a
// context is a time limit.
func waitOutcome(what string, already, err error) error {
	switch {
	case err == nil || already != nil || errors.Is(err, context.Canceled):
		return err
	case err == context.DeadlineExceeded:
		err = ErrTimeout
	case errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrTimeout):
		err = fmt.Errorf("%w (%w)", err, ErrTimeout)
	}
	return misuse(what, err)
}

// outcome names the method in an error, but passes io.EOF, which callers compare, and
// those of contexts on as they are.
func outcome(what string, err error) error {
	if err == nil || err == io.EOF || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return misuse(what, err)
}
