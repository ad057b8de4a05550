package mp

import (
	"fmt"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// A Cond is a condition variable: who has its lock can wait, without the lock, until
// somebody else who has it changes something and notifies. It is a Locker: its Lock
// and the like are those of its lock. When it travels the receiver gets the lock
// with it.
//
// Make it with NewCond, after Init, and pass it as, or in, the argument of a task.
//
// A notification that its receiver does not live to use, because its process dies
// before it has the lock again, goes to another one. The lock of a process that dies
// goes to the next, which sees OwnerDied.
type Cond struct {
	c    robust.Cond
	lock Locker
	own  bool // the handle on the lock is the Cond's
}

// NewCond makes a condition that uses the lock l, or with nil an RLock of its own. l
// can be used for other things as well; it must stay open as long as the condition
// is used in this process, and lives on with the condition in others. A Lock counts
// as held by whoever asks if this process has it, other locks if the calling
// goroutine has them. An Array, or a Value of more than 8 bytes, cannot be the lock;
// its lock can, if it was given one.
//
// It returns ErrNotInitialized before Init, ErrNoMemory if there is no memory for the
// condition, and ErrClosed if l has been closed.
func NewCond(l Locker) (*Cond, error) {
	c := new(Cond)
	if isNil(l) {
		own, err := NewRLock()
		if err != nil {
			return nil, err
		}
		c.own, l = true, own
	}
	c.lock = lockItself(l)
	h := c.lock.handle()
	if err := h.Enter(); err != nil {
		return nil, fmt.Errorf("mp: NewCond: the lock given %w", err)
	}
	defer h.Exit()
	err := create(c, "NewCond", shm.Spec{Link: h.Object()})
	if err != nil && c.own {
		_ = h.Close()
	}
	return made(c, err)
}

func (c *Cond) shape() (shm.Kind, uint32) { return robust.KindCond, 0 }
func (c *Cond) bind(o *shm.Object) error {
	c.own = c.own || c.lock == nil
	if err := bindLock(&c.lock, o); err != nil {
		return err
	}
	shm.Bind(c, &c.c.H, o)
	return nil
}

func (c *Cond) handle() *shm.Handle {
	if c == nil {
		return nil
	}
	return &c.c.H
}

// Notify lets n of those go that wait now, or all if they are fewer: once the caller
// has given the lock up, which it must have, they get it one after the other. What
// there is nobody for is not remembered. Which of several waiters they are is not
// promised. It returns ErrNotOwner if the lock is not held, and ErrClosed if the
// handle is closed. A negative n is an error.
func (c *Cond) Notify(n int) error {
	if n < 0 {
		return fmt.Errorf("mp: Cond.Notify(%d): the number is negative", n)
	}
	return misuse("Cond.Notify", c.notify(n))
}

// NotifyAll lets all go that wait now. It is otherwise like Notify.
func (c *Cond) NotifyAll() error { return misuse("Cond.NotifyAll", c.notify(robust.Everybody)) }

func (c *Cond) notify(n int) error {
	h := c.handle()
	if err := h.Enter(); err != nil {
		return err
	}
	defer h.Exit()
	if !held(c.lock) {
		return ErrNotOwner
	}
	return c.c.Notify(n)
}

// Close gives up this handle, and that on the lock unless NewCond was given it.
// Goroutines that wait through it return ErrClosed. The condition is there for the
// other handles, of this and of other processes. It returns ErrInUse if the lock
// would be closed while this process has it. Closing again does nothing.
func (c *Cond) Close() error {
	if c != nil && c.own {
		if err := c.lock.handle().Close(); err != nil {
			return misuse("Cond.Close", err)
		}
	}
	return misuse("Cond.Close", c.handle().Close())
}

// String shows the lock.
func (c *Cond) String() string {
	if err := c.handle().Check(); err != nil {
		return "mp.Cond(" + err.Error() + ")"
	}
	return fmt.Sprintf("mp.Cond(%v)", c.lock)
}
