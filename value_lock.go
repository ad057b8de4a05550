package mp

import (
	"context"

	"github.com/multiproc/mp/internal/robust"
)

// Lock takes the value's lock, once more if the calling goroutine has it. It
// panics if the handle is closed, or is none.
func (v *Value[T]) Lock() {
	if v == nil || v.lock != nil || !robust.TryLockRecursive(&v.h) {
		misused("Value.Lock", v.acquire(context.Background()))
	}
	v.locked()
}

// locked is called when the lock has been taken: a holder that died may have decided on
// a change that is to be finished before anything else is.
func (v *Value[T]) locked() {
	if valueSize[T]() == 0 || v.h.Enter() != nil { // changed by one store, or closed meanwhile
		return
	}
	finish[T](v.h.Object())
	v.h.Exit()
}

// Unlock undoes one Lock. It panics if the calling goroutine does not have the
// lock.
func (v *Value[T]) Unlock() {
	if v == nil || v.lock != nil || !robust.TryUnlockRecursive(&v.h) {
		misused("Value.Unlock", v.release())
	}
}

// Acquire waits until the calling goroutine has the lock, and returns nil exactly
// when it has it. An error is that of ctx, or ErrClosed.
func (v *Value[T]) Acquire(ctx context.Context) error {
	already := ctx.Err()
	err := v.acquire(ctx)
	if err == nil {
		v.locked()
	}
	return waitOutcome("Value.Acquire", already, err)
}

// TryLock takes the lock if that is possible at once, and says whether it has.
func (v *Value[T]) TryLock() bool {
	ok, err := tryLock(v.handle(), v.Locker())
	misused("Value.TryLock", err)
	if ok {
		v.locked()
	}
	return ok
}

// Release undoes one Lock. It returns ErrNotOwner, and does nothing, if the
// calling goroutine does not have the lock.
func (v *Value[T]) Release() error { return misuse("Value.Release", v.release()) }

// Locker returns a handle on the lock that was given with WithLock, which lives as
// long as this one, or else the value itself, whose lock it is.
func (v *Value[T]) Locker() Locker {
	if v == nil || v.lock == nil {
		return v
	}
	return v.lock
}

// OwnerDied says whether a process has died with the lock since Repaired was last
// called. The value is what it was before, unless that process had changed it
// through Ptr.
func (v *Value[T]) OwnerDied() bool { return lockDied(v.Locker()) }

// Repaired says that what the lock protects is in order again. Call it with the
// lock held.
func (v *Value[T]) Repaired() { repaired("Value.Repaired", v.Locker().handle()) }
