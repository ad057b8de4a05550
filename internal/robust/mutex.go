package robust

import (
	"context"
	"errors"

	"github.com/multiproc/mp/internal/goid"
	"github.com/multiproc/mp/internal/shm"
)

// Errors of locks.
var (
	ErrUnlocked = errors.New("is not locked")
	ErrNotOwner = errors.New("is not held by the calling goroutine")
)

// Acquire takes the lock of a handle's object, in the name of this process.
// repair says that the last holder has died with it.
func Acquire(ctx context.Context, h *shm.Handle) (repair bool, err error) {
	if h.Object() == nil {
		return false, shm.ErrNoHandle
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	l := h.Object().LockWord()
	ok, repair := l.Try()
	if !ok {
		return acquireSlow(ctx, h, l)
	}
	h.Object().Acquired()
	if !h.Keep() {
		return false, shm.ErrClosed
	}
	return repair, nil
}

// acquireSlow waits. The object stays until it returns.
func acquireSlow(ctx context.Context, h *shm.Handle, l shm.LockWord) (repair bool, err error) {
	if err := h.Enter(); err != nil {
		return false, err
	}
	defer h.Exit()
	repair, err = l.Acquire(ctx, h.Closed)
	h.Object().Acquired()
	if err == nil && !h.Keep() {
		return false, shm.ErrClosed
	}
	return repair, err
}

// TryAcquire is Acquire without waiting.
func TryAcquire(h *shm.Handle) (ok, repair bool, err error) {
	if err := h.Check(); err != nil {
		return false, false, err
	}
	l := h.Object().LockWord()
	ok, repair = l.Try()
	h.Object().Acquired()
	if ok && !h.Keep() {
		return false, false, shm.ErrClosed
	}
	return ok, repair, nil
}

// Release gives back a lock, whoever has it.
func Release(h *shm.Handle) error {
	switch {
	case h.Object() == nil:
		return shm.ErrNoHandle
	case h.Object().Gone(), h.Closed() && !h.Object().OwnedHere():
		return shm.ErrClosed // what this process has, it can always give back
	}
	h.Object().Released()
	if !h.Object().LockWord().Release() {
		return ErrUnlocked
	}
	return nil
}

// AcquireRecursive takes the lock for the calling goroutine, which may have it
// already.
func AcquireRecursive(ctx context.Context, h *shm.Handle) (repair bool, err error) {
	if err := h.Check(); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	o := h.Object()
	if OwnedByCaller(o) {
		o.Depth++
		return false, nil
	}
	repair, err = Acquire(ctx, h)
	if err == nil {
		own(o)
	}
	return repair, err
}

// TryAcquireRecursive is AcquireRecursive without waiting.
func TryAcquireRecursive(h *shm.Handle) (ok, repair bool, err error) {
	if o := h.Object(); h.Check() == nil && OwnedByCaller(o) {
		o.Depth++
		return true, false, nil
	}
	ok, repair, err = TryAcquire(h)
	if ok {
		own(h.Object())
	}
	return ok, repair, err
}

// own notes that the calling goroutine has the lock.
func own(o *shm.Object) {
	*o.Holder() = caller(o)
	o.Depth = 1
}

// TryLockRecursive takes the lock in the usual case: it is free, and nobody waits
// for it. False says nothing.
func TryLockRecursive(h *shm.Handle) bool {
	if !h.TryLock() {
		return false
	}
	own(h.Object())
	return true
}

// TryUnlockRecursive gives the lock back in the usual case: the calling goroutine
// has it once, and nobody waits. False says nothing.
func TryUnlockRecursive(h *shm.Handle) bool {
	o := h.Object()
	if o == nil || !OwnedByCaller(o) || o.Depth != 1 {
		return false
	}
	o.Depth = 0
	*o.Holder() = 0
	if !h.TryUnlock() {
		o.LockWord().ReleaseOwn()
	}
	return true
}

// ReleaseRecursive gives back what the calling goroutine has taken last.
func ReleaseRecursive(h *shm.Handle) error {
	o := h.Object()
	if o == nil || !OwnedByCaller(o) {
		if err := h.Check(); err != nil {
			return err
		}
		return ErrNotOwner
	}
	if o.Depth--; o.Depth > 0 {
		return nil
	}
	// Before the lock is free: its next holder must not be taken for this one.
	*o.Holder() = 0
	if !h.TryUnlock() {
		o.LockWord().Release()
	}
	return nil
}

// OwnedByCaller says whether the calling goroutine has the recursive lock.
func OwnedByCaller(o *shm.Object) bool {
	return !o.Gone() && o.OwnedHere() && *o.Holder() == caller(o)
}

// caller stands for the calling goroutine of this process. Others have goroutines
// of the same number, and who takes a lock over from a dead process finds what that
// has left.
func caller(o *shm.Object) uint64 { return uint64(goid.Current()) ^ o.Process() }
