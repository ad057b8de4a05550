package pool

import (
	"context"
	"iter"
	"sync"
)

// AnyFuture is a *Future of whatever type.
type AnyFuture interface {
	// Done is closed when the task has ended.
	Done() <-chan struct{}
	// Err is the task's error; ErrNotDone while it has not ended.
	Err() error
	// Cancel ends the task.
	Cancel() bool
	// State says how far the task has come.
	State() FutureState

	whenDone(hook func()) (forget func())
}

// AsCompleted yields the futures as they end, each once, those that have ended
// first; a future that is given twice is yielded once. The error is nil; if ctx
// ends first, the last thing yielded is a zero future with ctx.Err(). The error
// of a task is that of its future. If one of the futures is nil, all that is yielded
// is a zero future with an error.
func AsCompleted[F AnyFuture](ctx context.Context, fs ...F) iter.Seq2[F, error] {
	return func(yield func(F, error) bool) {
		if err := noneNil(fs); err != nil {
			var zero F
			yield(zero, err)
			return
		}
		fs := unique(fs)
		ended := make(chan F, len(fs))
		for _, f := range fs {
			defer f.whenDone(func() { ended <- f })()
		}
		for range fs {
			var f F
			err := ctx.Err()
			if err == nil {
				select {
				case f = <-ended:
				case <-ctx.Done():
					err = ctx.Err()
				}
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// Until says what Wait waits for.
type Until int

// What Wait can wait for.
const (
	AllDone    Until = iota // all futures have ended
	FirstDone               // one has ended
	FirstError              // one has ended with an error, or all have ended
)

// Wait waits for futures and returns those that have ended and those that have
// not, each in the order given and once. If ctx ends first the error is
// ctx.Err(), and done and pending are as they are then. Without futures it returns at
// once. If one of them is nil, that is an error at once, with none in done
// and pending.
func Wait[F AnyFuture](ctx context.Context, until Until, fs ...F) (done, pending []F, err error) {
	if err := noneNil(fs); err != nil {
		return nil, nil, err
	}
	fs = unique(fs)
	var mu sync.Mutex
	left := len(fs)
	enough := make(chan struct{})
	finish := sync.OnceFunc(func() { close(enough) })
	if left == 0 {
		finish()
	}
	for _, f := range fs {
		defer f.whenDone(func() {
			mu.Lock()
			left--
			last := left == 0
			mu.Unlock()
			if last || until == FirstDone || until == FirstError && f.Err() != nil {
				finish()
			}
		})()
	}
	select {
	case <-enough:
	case <-ctx.Done():
		err = ctx.Err()
	}
	for _, f := range fs {
		if f.State() == Done {
			done = append(done, f)
		} else {
			pending = append(pending, f)
		}
	}
	return done, pending, err
}

// noneNil returns an error if there is a nil among the futures.
func noneNil[F AnyFuture](fs []F) error {
	for _, f := range fs {
		if AnyFuture(f) == nil || f.Err() == errNoFuture {
			return errNoFuture
		}
	}
	return nil
}

// unique drops what is given twice.
func unique[F AnyFuture](fs []F) []F {
	seen := make(map[AnyFuture]bool, len(fs))
	var once []F
	for _, f := range fs {
		if !seen[f] {
			seen[f] = true
			once = append(once, f)
		}
	}
	return once
}
