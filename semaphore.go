package mp

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// ErrReleasedTooOften is returned if the semaphore has all its permits, or as many
// units as there can be, MaxInt32.
var ErrReleasedTooOften = robust.ErrReleasedTooOften

// A Semaphore is a count of units that processes take and give: a signal. Anybody
// may give units, so it has no upper bound but MaxInt32. Those that a process had
// taken when it dies are gone; for permits that come back then, use a
// BoundedSemaphore.
//
// Make it with NewSemaphore, after Init, and pass it as, or in, the argument of a
// task. Which of several waiters is next is not promised.
type Semaphore struct{ h shm.Handle }

// NewSemaphore makes a semaphore with n units. An n that is negative or above MaxInt32
// is an error; besides, it returns ErrNotInitialized before Init, and ErrNoMemory if
// there is no memory for it.
func NewSemaphore(n int) (*Semaphore, error) {
	s := new(Semaphore)
	return made(s, createSemaphore(s, "NewSemaphore", n))
}

func createSemaphore(s sharedHandle, what string, n int) error {
	if n < 0 || n > robust.MaxSemaphore {
		return fmt.Errorf("mp: %s(%d): the count must be from 0 to %d", what, n, robust.MaxSemaphore)
	}
	return create(s, what, shm.Spec{Init: robust.NewSemaphore(uint32(n))})
}

func (s *Semaphore) shape() (shm.Kind, uint32) { return robust.KindSemaphore, 0 }
func (s *Semaphore) bind(o *shm.Object) error {
	shm.Bind(s, &s.h, o)
	return nil
}

func (s *Semaphore) handle() *shm.Handle {
	if s == nil {
		return nil
	}
	return &s.h
}

// Acquire waits for a unit and takes it, and returns nil exactly when it has. If ctx
// ends before, the error is that of ctx, and matches ErrTimeout if it was its
// deadline; it is ErrClosed if the handle is closed, also meanwhile.
func (s *Semaphore) Acquire(ctx context.Context) error {
	return waitOutcome("Semaphore.Acquire", ctx.Err(), robust.Plain.Acquire(ctx, s.handle()))
}

// TryAcquire takes a unit if there is one, and says whether it has. It panics if the
// handle is closed, or is none.
func (s *Semaphore) TryAcquire() bool {
	return tryAcquire("Semaphore.TryAcquire", robust.Plain, s.handle())
}

// tryAcquire panics if it is misused, not if another process has done harm.
func tryAcquire(what string, sort robust.Semaphore, h *shm.Handle) bool {
	ok, err := sort.TryAcquire(h)
	if errors.Is(err, shm.ErrClosed) || errors.Is(err, shm.ErrNoHandle) {
		misused(what, err)
	}
	return ok
}

// Release adds a unit, and wakes one of those who wait. It returns
// ErrReleasedTooOften, and does nothing, if there are MaxInt32.
func (s *Semaphore) Release() error {
	return misuse("Semaphore.Release", robust.Plain.Release(s.handle()))
}

// Value returns how many units there are; it may be out of date at once. Of a closed
// handle it is 0.
func (s *Semaphore) Value() int { return robust.SemaphoreValue(s.handle()) }

// Close gives up this handle. Goroutines that wait through it return ErrClosed. The
// semaphore is there for the other handles, of this and of other processes. Closing
// again does nothing.
func (s *Semaphore) Close() error { return misuse("Semaphore.Close", s.handle().Close()) }

// String shows the count.
func (s *Semaphore) String() string { return semaphoreText("mp.Semaphore", s.handle()) }

func semaphoreText(name string, h *shm.Handle) string {
	if err := h.Check(); err != nil {
		return name + "(" + err.Error() + ")"
	}
	return fmt.Sprintf("%s(%d)", name, robust.SemaphoreValue(h))
}
