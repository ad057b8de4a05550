package mp

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// ErrBrokenBarrier is returned to the parties of a barrier that cannot meet: one of
// them has given up or died, the action has failed, or somebody has called Abort or
// Reset.
var ErrBrokenBarrier = robust.ErrBrokenBarrier

// A Barrier is where a number of parties, goroutines of any processes, wait for each
// other: nobody gets through before all are there. Then the barrier can be used
// again. Make it with NewBarrier, after Init, and pass it as, or in, the argument of
// a task.
//
// The barrier breaks when not all parties can be expected any more: when the context
// of one that waits ends, its handle is closed, or its process ends; and when a
// process that has a handle dies, whether it waits or not. A process that ends in
// good order (its target, or the function given to Main, returned nil, or it called
// Exit(0)), or closes its handles, while none of its goroutines waits, does not break
// it. Everybody gets ErrBrokenBarrier then, until somebody calls Reset.
type Barrier struct {
	h      shm.Handle
	action *barrierAction // nil: none
}

// NewBarrier makes a barrier for a number of parties, at least one. An action, of
// which there can be one, is run once in each round by the last party to arrive,
// before anybody is let through. Besides what is wrong with these, it returns
// ErrNotInitialized before Init, and ErrNoMemory if there is no memory for it.
func NewBarrier(parties int, action ...AnyCall) (*Barrier, error) {
	if parties < 1 || parties > math.MaxInt32 {
		return nil, fmt.Errorf("mp: NewBarrier(%d): there must be at least one party, and at most %d", parties, math.MaxInt32)
	}
	b := new(Barrier)
	spec := shm.Spec{Init: robust.NewBarrier(uint32(parties))}
	switch len(action) {
	case 0:
		return made(b, create(b, "NewBarrier", spec))
	case 1:
		return made(b, b.createWith(action[0], spec))
	}
	return nil, errors.New("mp: NewBarrier: there can be one action only")
}

func (b *Barrier) shape() (shm.Kind, uint32) { return robust.KindBarrier, 0 }
func (b *Barrier) bind(o *shm.Object) (err error) {
	if b.action == nil {
		if b.action, err = openAction(o); err != nil {
			return err
		}
	}
	shm.Bind(b, &b.h, o)
	return nil
}

func (b *Barrier) handle() *shm.Handle {
	if b == nil {
		return nil
	}
	return &b.h
}

// Wait waits until all parties are there, and returns nil exactly if they were. Each
// party of a round gets another index, from 0 to Parties()-1; otherwise it is -1.
//
// The error is or wraps ErrBrokenBarrier if the barrier is broken. If it is this
// party that has broken it, the error also wraps why: that of ctx, matching
// ErrTimeout if it was its deadline, ErrClosed if the handle has been closed
// meanwhile, or the error or panic of the action. If ctx has ended before, or the
// handle has been closed, that is the error, and the barrier stays as it is.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	already := ctx.Err()
	var action robust.Action
	if b != nil && b.action != nil {
		action = b.action.run
	}
	index, err = robust.WaitBarrier(ctx, b.handle(), action)
	return index, waitOutcome("Barrier.Wait", already, err)
}

// Abort breaks the barrier: those who wait get ErrBrokenBarrier, and so does
// everybody who comes, until a Reset. It returns ErrClosed if the handle is closed.
func (b *Barrier) Abort() error {
	return misuse("Barrier.Abort", robust.AbortBarrier(b.handle()))
}

// Reset makes a broken barrier a whole one. Those who wait get ErrBrokenBarrier. It
// returns ErrClosed if the handle is closed.
func (b *Barrier) Reset() error {
	return misuse("Barrier.Reset", robust.ResetBarrier(b.handle()))
}

// Parties returns how many parties have to meet. Of a closed handle it is 0.
func (b *Barrier) Parties() int {
	parties, _, _ := robust.BarrierStatus(b.handle())
	return parties
}

// Waiting returns how many parties wait for the others; it may be out of date at
// once. Of a closed handle it is 0.
func (b *Barrier) Waiting() int {
	_, waiting, _ := robust.BarrierStatus(b.handle())
	return waiting
}

// Broken says whether the barrier is broken. That of a closed handle is not.
func (b *Barrier) Broken() bool {
	_, _, broken := robust.BarrierStatus(b.handle())
	return broken
}

// Close gives up this handle. Goroutines that wait through it break the barrier, and
// return an error that matches ErrBrokenBarrier and ErrClosed. The barrier is there
// for the other handles, of this and of other processes. Closing again does nothing.
func (b *Barrier) Close() error { return misuse("Barrier.Close", b.handle().Close()) }

// String shows how many of the parties wait, or that the barrier is broken.
func (b *Barrier) String() string {
	if err := b.handle().Check(); err != nil {
		return "mp.Barrier(" + err.Error() + ")"
	}
	parties, waiting, broken := robust.BarrierStatus(b.handle())
	if broken {
		return fmt.Sprintf("mp.Barrier(broken, of %d)", parties)
	}
	return fmt.Sprintf("mp.Barrier(%d of %d)", waiting, parties)
}
