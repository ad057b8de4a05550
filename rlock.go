package mp

import (
	"context"
	"fmt"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// An RLock is a Lock that the goroutine that has it can take again: each Lock
// needs its Unlock, by the same goroutine. Other goroutines of the process wait
// like other processes. A goroutine that ends while it has the lock leaves it
// locked, and that is a mistake: it stays so until the process ends.
//
// If the process of the holder dies, the next one gets the lock, and OwnerDied
// says so until Repaired is called.
type RLock struct{ h shm.Handle }

// NewRLock makes a recursive lock, which is free. It returns ErrNotInitialized before
// Init, and ErrNoMemory if there is no memory for it.
func NewRLock() (*RLock, error) {
	l := new(RLock)
	return made(l, create(l, "NewRLock", shm.Spec{}))
}

func (l *RLock) shape() (shm.Kind, uint32) { return robust.KindRLock, 0 }
func (l *RLock) bind(o *shm.Object) error {
	shm.Bind(l, &l.h, o)
	return nil
}

// on says that the lock can be that of a Value or an Array: see their Locker.
func (l *RLock) on(kind shm.Kind) bool {
	return kind == robust.KindValue || kind == robust.KindArray
}

func (l *RLock) handle() *shm.Handle {
	if l == nil {
		return nil
	}
	return &l.h
}

// Lock waits until the calling goroutine has the lock, for ever if its holder
// neither releases it nor dies. It panics if the handle is closed, or is none.
func (l *RLock) Lock() {
	if !robust.TryLockRecursive(l.handle()) {
		_, err := robust.AcquireRecursive(context.Background(), l.handle())
		misused("RLock.Lock", err)
	}
}

// Acquire waits until the calling goroutine has the lock, and returns nil exactly
// when it has it. An error is that of ctx, which matches ErrTimeout if it was its
// deadline, or ErrClosed if the handle has been closed, also meanwhile.
func (l *RLock) Acquire(ctx context.Context) error {
	already := ctx.Err()
	_, err := robust.AcquireRecursive(ctx, l.handle())
	return waitOutcome("RLock.Acquire", already, err)
}

// TryLock takes the lock if it is free, if its holder has died, or if the calling
// goroutine has it, and says whether it has. It panics if the handle is closed, or
// is none.
func (l *RLock) TryLock() bool {
	ok, _, err := robust.TryAcquireRecursive(l.handle())
	misused("RLock.TryLock", err)
	return ok
}

// Unlock undoes one Lock. It panics if the calling goroutine does not have the
// lock.
func (l *RLock) Unlock() {
	if !robust.TryUnlockRecursive(l.handle()) {
		misused("RLock.Unlock", robust.ReleaseRecursive(l.handle()))
	}
}

// Release undoes one Lock. It returns ErrNotOwner, and does nothing, if the
// calling goroutine does not have the lock.
func (l *RLock) Release() error {
	return misuse("RLock.Release", robust.ReleaseRecursive(l.handle()))
}

// Locked says whether the lock is held by a process that lives; the answer may be
// out of date at once. Of a closed handle it is false.
func (l *RLock) Locked() bool { return locked(l.handle()) }

// OwnerDied says whether a holder of the lock has died with it since Repaired was
// last called: what the lock protects may be half done.
func (l *RLock) OwnerDied() bool { return ownerDied(l.handle()) }

// Repaired says that what the lock protects is in order again. Call it with the
// lock held.
func (l *RLock) Repaired() { repaired("RLock.Repaired", l.handle()) }

// Close gives up this handle. The lock is there for the other handles, of this
// and of other processes. It returns ErrInUse if this is the process's last handle
// and the process has the lock: unlock it first. Closing again does nothing.
func (l *RLock) Close() error { return misuse("RLock.Close", l.handle().Close()) }

// String says who has the lock: nobody, this goroutine and how often, another
// goroutine of this process, or another process.
func (l *RLock) String() string {
	text := ownerText(l.handle())
	if h := l.handle(); h.Check() == nil && robust.OwnedByCaller(h.Object()) {
		text = fmt.Sprintf("held by this goroutine, %d times", h.Object().Depth)
	}
	return "mp.RLock(" + text + ")"
}
