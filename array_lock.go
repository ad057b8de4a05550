package mp

import (
	"context"

	"github.com/multiproc/mp/internal/robust"
)

// Lock takes the array's lock, once more if the calling goroutine has it. It
// panics if the handle is closed, or is none.
func (a *Array[T]) Lock() {
	if a == nil || a.lock != nil || !robust.TryLockRecursive(&a.h) {
		misused("Array.Lock", a.acquire(context.Background()))
	}
}

// Unlock undoes one Lock. It panics if the calling goroutine does not have the
// lock.
func (a *Array[T]) Unlock() {
	if a == nil || a.lock != nil || !robust.TryUnlockRecursive(&a.h) {
		misused("Array.Unlock", a.release())
	}
}

// Acquire waits until the calling goroutine has the lock, and returns nil exactly
// when it has it. An error is that of ctx, or ErrClosed.
func (a *Array[T]) Acquire(ctx context.Context) error {
	already := ctx.Err()
	return waitOutcome("Array.Acquire", already, a.acquire(ctx))
}

// TryLock takes the lock if that is possible at once, and says whether it has.
func (a *Array[T]) TryLock() bool {
	ok, err := tryLock(a.handle(), a.Locker())
	misused("Array.TryLock", err)
	return ok
}

// Release undoes one Lock. It returns ErrNotOwner, and does nothing, if the
// calling goroutine does not have the lock.
func (a *Array[T]) Release() error { return misuse("Array.Release", a.release()) }

// Locker returns a handle on the lock that was given with WithLock, which lives as
// long as this one, or else the array itself, whose lock it is.
func (a *Array[T]) Locker() Locker {
	if a == nil || a.lock == nil {
		return a
	}
	return a.lock
}

// OwnerDied says whether a process has died with the lock since Repaired was last
// called: it may have left something half done.
func (a *Array[T]) OwnerDied() bool { return lockDied(a.Locker()) }

// Repaired says that what the lock protects is in order again. Call it with the
// lock held.
func (a *Array[T]) Repaired() { repaired("Array.Repaired", a.Locker().handle()) }
