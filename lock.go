package mp

import (
	"context"
	"fmt"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// Errors of locks.
var (
	// ErrUnlocked: the lock that was to be released is not locked; it has been
	// released too often.
	ErrUnlocked = robust.ErrUnlocked
	// ErrNotOwner: the recursive lock, or the lock of the condition, is not held
	// by the goroutine that wants to use or release it.
	ErrNotOwner = robust.ErrNotOwner
)

// A Locker is a lock that a Cond, a Value or an Array can use: a *Lock or an
// *RLock, or what has one, a *Cond, *Value or *Array, where NewCond and WithLock allow
// it.
type Locker interface {
	Lock()
	Unlock()
	TryLock() bool
	Acquire(ctx context.Context) error
	Release() error
	sharedHandle
}

// A Lock excludes all goroutines of all processes that have a handle on it. It is
// a sync.Locker. Make it with NewLock, after Init, and pass it as, or in, the
// argument of a task.
//
// The lock belongs to the process that has acquired it until anybody releases it,
// which another goroutine and even another process may do. If the process ends
// before, however it ends, the next one that waits for the lock, or asks for it,
// gets it, and OwnerDied says so until Repaired is called. A process that is only
// stopped keeps the lock.
//
// Which of several waiters is next is not promised.
type Lock struct{ h shm.Handle }

// NewLock makes a lock, which is free. It returns ErrNotInitialized before Init, and
// ErrNoMemory if there is no memory for it.
func NewLock() (*Lock, error) {
	l := new(Lock)
	return made(l, create(l, "NewLock", shm.Spec{}))
}

// made returns v unless there is an error.
func made[T any](v *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (l *Lock) shape() (shm.Kind, uint32) { return robust.KindLock, 0 }
func (l *Lock) bind(o *shm.Object) error {
	shm.Bind(l, &l.h, o)
	return nil
}

func (l *Lock) handle() *shm.Handle {
	if l == nil {
		return nil
	}
	return &l.h
}

// Lock waits until it has the lock, for ever if its holder neither releases it nor
// dies. It panics if the handle is closed, or is none.
func (l *Lock) Lock() {
	if !l.handle().TryLock() {
		_, err := robust.Acquire(context.Background(), l.handle())
		misused("Lock.Lock", err)
	}
}

// Acquire waits until it has the lock, and returns nil exactly when it has it. An
// error is that of ctx, which matches ErrTimeout if it was its deadline, or ErrClosed
// if the handle has been closed, also meanwhile.
func (l *Lock) Acquire(ctx context.Context) error {
	already := ctx.Err()
	_, err := robust.Acquire(ctx, l.handle())
	return waitOutcome("Lock.Acquire", already, err)
}

// TryLock takes the lock if it is free, or if its holder has died, and says
// whether it has. It panics if the handle is closed, or is none.
func (l *Lock) TryLock() bool {
	ok, _, err := robust.TryAcquire(l.handle())
	misused("Lock.TryLock", err)
	return ok
}

// Unlock is Release for those who know that the lock is locked: it panics
// otherwise.
func (l *Lock) Unlock() {
	if !l.handle().TryUnlock() {
		misused("Lock.Unlock", robust.Release(l.handle()))
	}
}

// Release gives the lock to the next. It returns ErrUnlocked if it is not locked.
func (l *Lock) Release() error { return misuse("Lock.Release", robust.Release(l.handle())) }

// Locked says whether the lock is held by a process that lives; the answer may be
// out of date at once. Of a closed handle it is false.
func (l *Lock) Locked() bool { return locked(l.handle()) }

func locked(h *shm.Handle) bool { return h.Check() == nil && h.Object().LockWord().Owner() != 0 }

// OwnerDied says whether a holder of the lock has died with it since Repaired was
// last called: what the lock protects may be half done.
func (l *Lock) OwnerDied() bool { return ownerDied(l.handle()) }

func ownerDied(h *shm.Handle) bool { return h.Check() == nil && h.Object().LockWord().OwnerDied() }

// Repaired says that what the lock protects is in order again. Call it with the
// lock held.
func (l *Lock) Repaired() { repaired("Lock.Repaired", l.handle()) }

func repaired(what string, h *shm.Handle) {
	misused(what, h.Check())
	h.Object().LockWord().Repaired()
}

// Close gives up this handle. The lock is there for the other handles, of this
// and of other processes. It returns ErrInUse if this is the process's last handle
// and the process has the lock: unlock it first. Closing again does nothing.
func (l *Lock) Close() error { return misuse("Lock.Close", l.handle().Close()) }

// String says who has the lock: nobody, this process or another one.
func (l *Lock) String() string { return "mp.Lock(" + ownerText(l.handle()) + ")" }

func ownerText(h *shm.Handle) string {
	if err := h.Check(); err != nil {
		return err.Error()
	}
	o := h.Object()
	switch owner := o.LockWord().Owner(); owner {
	case 0:
		return "free"
	case o.Arena().Self():
		return "held by this process"
	default:
		return fmt.Sprintf("held by process %d", o.Arena().PID(owner))
	}
}

// lockDied says whether a holder of the lock has died with it.
func lockDied(l Locker) bool { return ownerDied(l.handle()) }

// tryLock takes the lock of an object, its own or one that it was given, if that is
// possible at once.
func tryLock(h *shm.Handle, l Locker) (bool, error) {
	if l.handle() == h {
		ok, _, err := robust.TryAcquireRecursive(h)
		return ok, err
	}
	if err := h.Check(); err != nil {
		return false, err
	}
	return l.TryLock(), nil
}
