package mp

import (
	"context"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// An Event is a flag that processes set, clear and wait for. Make it with NewEvent,
// after Init, and pass it as, or in, the argument of a task.
//
// What a process has done to the flag stays when it dies.
type Event struct{ h shm.Handle }

// NewEvent makes an event that is not set. It returns ErrNotInitialized before Init,
// and ErrNoMemory if there is no memory for it.
func NewEvent() (*Event, error) {
	e := new(Event)
	return made(e, create(e, "NewEvent", shm.Spec{}))
}

func (e *Event) shape() (shm.Kind, uint32) { return robust.KindEvent, 0 }
func (e *Event) bind(o *shm.Object) error {
	shm.Bind(e, &e.h, o)
	return nil
}

func (e *Event) handle() *shm.Handle {
	if e == nil {
		return nil
	}
	return &e.h
}

// Set sets the event, and lets all go that wait for it. If it is set, it does
// nothing. It panics if the handle is closed, or is none.
func (e *Event) Set() { misused("Event.Set", robust.SetEvent(e.handle())) }

// Clear makes the event not set. It panics if the handle is closed, or is none.
func (e *Event) Clear() { misused("Event.Clear", robust.ClearEvent(e.handle())) }

// IsSet says whether the event is set; that of a closed handle is not.
func (e *Event) IsSet() bool { return robust.EventIsSet(e.handle()) }

// Wait waits until the event is set. Who was waiting when it was set is let go, also
// if it is cleared again at once. If ctx ends before, the error is that of ctx, and
// matches ErrTimeout if it was its deadline; it is ErrClosed if the handle is
// closed, also meanwhile.
func (e *Event) Wait(ctx context.Context) error {
	return waitOutcome("Event.Wait", ctx.Err(), robust.WaitEvent(ctx, e.handle()))
}

// Close gives up this handle. Goroutines that wait through it return ErrClosed. The
// event is there for the other handles, of this and of other processes. Closing
// again does nothing.
func (e *Event) Close() error { return misuse("Event.Close", e.handle().Close()) }

// String says whether the event is set.
func (e *Event) String() string {
	switch err := e.handle().Check(); {
	case err != nil:
		return "mp.Event(" + err.Error() + ")"
	case e.IsSet():
		return "mp.Event(set)"
	default:
		return "mp.Event(unset)"
	}
}
