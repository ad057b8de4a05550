package mp

import (
	"context"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// A BoundedSemaphore is a number of permits, which processes take and give back.
//
// A permit belongs to the process that has acquired it, and comes back when that
// process ends, however it ends, or closes or drops its last handle on the semaphore.
// Any goroutine of any process may release it: a process that has none of its own
// releases one of another process. So the permits never become more, and those that are
// not held by a living process are never lost.
//
// Make it with NewBoundedSemaphore, after Init, and pass it as, or in, the argument
// of a task. Which of several waiters is next is not promised.
type BoundedSemaphore struct{ h shm.Handle }

// NewBoundedSemaphore makes a semaphore with n permits. An n that is negative or above
// MaxInt32 is an error; besides, it returns ErrNotInitialized before Init, and
// ErrNoMemory if there is no memory for it.
func NewBoundedSemaphore(n int) (*BoundedSemaphore, error) {
	s := new(BoundedSemaphore)
	return made(s, createSemaphore(s, "NewBoundedSemaphore", n))
}

func (s *BoundedSemaphore) shape() (shm.Kind, uint32) { return robust.KindBounded, 0 }
func (s *BoundedSemaphore) bind(o *shm.Object) error {
	shm.Bind(s, &s.h, o)
	return nil
}

func (s *BoundedSemaphore) handle() *shm.Handle {
	if s == nil {
		return nil
	}
	return &s.h
}

// Acquire waits for a permit and takes it, and returns nil exactly when it has. If
// ctx ends before, the error is that of ctx, and matches ErrTimeout if it was its
// deadline; it is ErrClosed if the handle is closed, also meanwhile.
func (s *BoundedSemaphore) Acquire(ctx context.Context) error {
	return waitOutcome("BoundedSemaphore.Acquire", ctx.Err(), robust.Bounded.Acquire(ctx, s.handle()))
}

// TryAcquire takes a permit if there is one, and says whether it has. It panics if
// the handle is closed, or is none.
func (s *BoundedSemaphore) TryAcquire() bool {
	return tryAcquire("BoundedSemaphore.TryAcquire", robust.Bounded, s.handle())
}

// Release gives a permit back, and wakes one of those who wait. It returns
// ErrReleasedTooOften, and does nothing, if all are there.
func (s *BoundedSemaphore) Release() error {
	return misuse("BoundedSemaphore.Release", robust.Bounded.Release(s.handle()))
}

// Value returns how many permits are free; it may be out of date at once. Of a
// closed handle it is 0.
func (s *BoundedSemaphore) Value() int { return robust.SemaphoreValue(s.handle()) }

// Close gives up this handle. Goroutines that wait through it return ErrClosed. If
// it is the process's last, the permits that the process has come back. Closing
// again does nothing.
func (s *BoundedSemaphore) Close() error {
	return misuse("BoundedSemaphore.Close", s.handle().Close())
}

// String shows how many permits are free.
func (s *BoundedSemaphore) String() string {
	return semaphoreText("mp.BoundedSemaphore", s.handle())
}
