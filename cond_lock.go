package mp

import "context"

// Lock takes the condition's lock. It panics if the handle is closed, or is none.
func (c *Cond) Lock() { c.Locker().Lock() }

// Unlock gives the condition's lock back, and panics as that does.
func (c *Cond) Unlock() { c.Locker().Unlock() }

// TryLock takes the condition's lock if that is possible at once, and says whether
// it has.
func (c *Cond) TryLock() bool { return c.Locker().TryLock() }

// Acquire waits for the condition's lock, and returns nil exactly when it has it. An
// error is that of ctx, or ErrClosed.
func (c *Cond) Acquire(ctx context.Context) error { return c.Locker().Acquire(ctx) }

// Release gives the condition's lock back, or returns why it cannot.
func (c *Cond) Release() error { return c.Locker().Release() }

// Locker returns the condition's lock.
func (c *Cond) Locker() Locker {
	if c == nil || c.lock == nil {
		return (*RLock)(nil) // whose methods say what is wrong
	}
	return c.lock
}

// OwnerDied says whether a process has died with the condition's lock since Repaired
// was last called: what the lock protects may be half done.
func (c *Cond) OwnerDied() bool { return lockDied(c.Locker()) }

// Repaired says that what the lock protects is in order again. Call it with the lock
// held.
func (c *Cond) Repaired() { repaired("Cond.Repaired", c.Locker().handle()) }
