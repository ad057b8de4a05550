package mp

import (
	"context"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// Wait gives the lock up, however often it is held, waits for a notification, and
// takes the lock again, as often. It returns ErrNotOwner, and does nothing, if the
// lock is not held. If ctx ends before there is a notification, the error is that
// of ctx, and matches ErrTimeout if it was its deadline; it is ErrClosed if the
// handle is closed, also meanwhile. In each case the lock is held again when Wait
// returns, however long that takes, unless the lock itself has been closed: that of
// a condition that was not given one is, with it.
//
// Wait can return when what was waited for is not there any more, so wait in a loop,
// or use WaitFor.
func (c *Cond) Wait(ctx context.Context) error {
	return waitOutcome("Cond.Wait", ctx.Err(), c.wait(ctx))
}

func (c *Cond) wait(ctx context.Context) error {
	h := c.handle()
	if err := h.Enter(); err != nil {
		return err
	}
	defer h.Exit()
	if !held(c.lock) {
		return ErrNotOwner
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := c.c.Register()
	if err != nil {
		return err
	}
	depth, err := unlockAll(c.lock)
	if err != nil {
		w.Cancel()
		return err
	}
	err = w.Wait(ctx)
	failure := relock(c.lock, depth)
	w.Finish(failure == nil)
	if failure != nil {
		return failure
	}
	return err
}

// held says whether the caller has the lock.
func held(l Locker) bool {
	h := l.handle()
	switch {
	case h.Check() != nil:
		return false
	case isPlain(h):
		return h.Object().OwnedHere()
	default:
		return robust.OwnedByCaller(h.Object())
	}
}

func isPlain(h *shm.Handle) bool { return h.Object().Ref().Kind == robust.KindLock }

// unlockAll gives a lock up, and returns how often the caller had it.
func unlockAll(l Locker) (depth int, err error) {
	h := l.handle()
	if isPlain(h) {
		return 1, l.Release()
	}
	o := h.Object()
	depth, o.Depth = o.Depth, 1
	if err := l.Release(); err != nil {
		o.Depth = depth
		return 0, err
	}
	return depth, nil
}

// relock takes a lock as often as it was held.
func relock(l Locker, depth int) error {
	if err := l.Acquire(context.Background()); err != nil {
		return err
	}
	l.handle().Object().Depth = depth
	return nil
}

// WaitFor waits until pred returns true: it calls pred, with the lock held, at once and
// after each notification. When ctx ends it calls pred once more, and if that is
// false returns what Wait returns. With a ctx that has ended already it returns
// ctx.Err(), without calling pred.
func (c *Cond) WaitFor(ctx context.Context, pred func() bool) error {
	already := ctx.Err()
	if err := c.usable(); err != nil {
		return misuse("Cond.WaitFor", err)
	}
	if already != nil {
		return already
	}
	for !pred() {
		err := c.wait(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil && held(c.lock) && pred():
			return nil
		default:
			return waitOutcome("Cond.WaitFor", nil, err)
		}
	}
	return nil
}

// usable returns why the caller cannot wait or notify.
func (c *Cond) usable() error {
	if err := c.handle().Check(); err != nil {
		return err
	}
	if !held(c.lock) {
		return ErrNotOwner
	}
	return nil
}
