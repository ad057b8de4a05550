// Event shows multiprocessing.Event, in its usual program: one process
// waits until the event is set, another one only for a while.
//
// It prints that both start, that the time of the second is over and the event not
// set, that main sets it, and then that the first has seen it.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc/mp"
)

var waitForEvent = mp.Action(func(ctx context.Context, e *mp.Event) error {
	fmt.Println("wait_for_event: starting")
	if err := e.Wait(ctx); err != nil { // nil: it was set
		return err
	}
	fmt.Println("wait_for_event: e.is_set()->", e.IsSet())
	return nil
})

// waiting is what the second process gets.
type waiting struct {
	Event *mp.Event
	For   time.Duration
}

// A time-out is a context, as everywhere in Go. The context of the task is above
// it: it ends if the parent dies, so that nobody waits for ever.
var waitForEventTimeout = mp.Action(func(ctx context.Context, w waiting) error {
	fmt.Println("wait_for_event_timeout: starting")
	ctx, cancel := context.WithTimeout(ctx, w.For)
	defer cancel()
	err := w.Event.Wait(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	fmt.Println("wait_for_event_timeout: e.is_set()->", w.Event.IsSet(), err)
	return nil
})

func main() {
	mp.Main(func(ctx context.Context) error {
		e, err := mp.NewEvent()
		if err != nil {
			return err
		}
		defer e.Close()
		w1 := mp.NewProcess(waitForEvent.With(e))
		w1.Name = "block"
		w2 := mp.NewProcess(waitForEventTimeout.With(waiting{e, 200 * time.Millisecond}))
		w2.Name = "non-block"
		if err := errors.Join(w1.Start(), w2.Start()); err != nil {
			return err
		}
		if err := w2.Join(ctx); err != nil { // in Python: time.sleep(3)
			return err
		}
		fmt.Println("main: event is set")
		e.Set()
		return w1.Join(ctx)
	})
}
