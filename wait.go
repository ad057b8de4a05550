package mp

import (
	"context"
	"errors"
	"fmt"
)

// A Waitable is what Wait waits for:
//
//   - a *Conn: there is something to receive, or the other end is gone;
//   - a *Process: it has ended; also Parent();
//   - a *Listener: somebody is there to be accepted, or it has been closed;
//   - a *Queue, *JoinableQueue or *SimpleQueue: there is an item to get, or it has been
//     shut down and nothing is left;
//   - an *Event: it is set, or has been since Wait was called;
//   - Readable(x): a file, a connection or a listener of other packages.
type Waitable interface {
	// watched begins to look at it, or says why that is no use.
	watched() (watch, error)
}

// A watch is a thing for the time of one Wait. Besides, it is an onWord, an onChannel
// or an onFile.
type watch interface {
	// ready says, without waiting, whether it is ready, or why it will never be.
	ready() (bool, error)
	// end is called once, at the end.
	end()
}

// Wait waits until at least one of the things is ready, and returns all that are ready
// then, in the order given, each as often as it was given. It takes nothing from them,
// so whoever else waits for the same things, in this process or another, sees them
// ready as well, and may be faster in taking what is there.
//
// If ctx ends before, Wait returns nothing and the error of ctx, which matches
// ErrTimeout if it was its deadline. It looks once also if ctx has ended already, so
// with such a context it is a question that does not wait.
//
// Without things to wait for, Wait returns an error at once. A thing that is nil, was
// not made by its constructor, has not been started, has been closed in this process,
// or can only be sent to, is an error that says which of them it is, counted from 0, and
// matches ErrClosed, ErrNotStarted or what else its own methods return. Only a
// *Listener that has been closed is ready: Accept does not wait. What is closed
// meanwhile ends the wait, after 50 ms at the latest for each 256 things.
//
// While it waits it takes next to no CPU. Things in shared memory occupy a thread for
// every 127 of them, and before Linux 5.16 one each; those for which there are no threads
// any more, beyond 128, are polled.
func Wait(ctx context.Context, things ...Waitable) ([]Waitable, error) {
	already := ctx.Err()
	ready, err := wait(ctx, things)
	if err != nil && err == ctx.Err() {
		return nil, waitOutcome("Wait", already, err)
	}
	return ready, misuse("Wait", err)
}

var errNothing = errors.New("there is nothing to wait for")

func wait(ctx context.Context, things []Waitable) ([]Waitable, error) {
	if len(things) == 0 {
		return nil, errNothing
	}
	watches := make([]watch, 0, len(things))
	defer func() {
		for _, w := range watches {
			w.end()
		}
	}()
	for i, thing := range things {
		if thing == nil {
			return nil, fmt.Errorf("thing %d is nil", i)
		}
		w, err := thing.watched()
		if err != nil {
			return nil, fmt.Errorf("thing %d: %w", i, err)
		}
		watches = append(watches, w)
	}
	ready, err := lookAt(things, watches)
	if len(ready) > 0 || err != nil {
		return ready, err
	}
	return sleepUntil(ctx, things, watches)
}

// lookAt returns the things that are ready.
func lookAt(things []Waitable, watches []watch) (ready []Waitable, err error) {
	for i, w := range watches {
		is, err := w.ready()
		if err != nil {
			return nil, fmt.Errorf("thing %d: %w", i, err)
		}
		if is {
			ready = append(ready, things[i])
		}
	}
	return ready, nil
}

// sleepUntil waits until there is one that is ready.
func sleepUntil(ctx context.Context, things []Waitable, watches []watch) ([]Waitable, error) {
	s, err := newSleeping(watches)
	if err != nil {
		return nil, err
	}
	defer s.close()
	for {
		s.listen()
		if ready, err := lookAt(things, watches); len(ready) > 0 || err != nil {
			return ready, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.sleep(ctx); err != nil {
			return nil, err
		}
	}
}
