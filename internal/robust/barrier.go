package robust

import (
	"errors"

	"github.com/multiproc/mp/internal/shm"
)

// ErrBrokenBarrier is returned to the parties of a barrier that cannot meet.
var ErrBrokenBarrier = errors.New("the barrier is broken")

// A barrier goes round by round. It fills: parties arrive, and wait for the turn to
// change. With the last one, or when the barrier breaks or is reset, the round ends
// and the barrier drains: those who were inside leave, with the outcome of their
// round, and who comes meanwhile waits until they have, so there is only ever one
// outcome to remember. How many of a process's goroutines are inside stands in its
// ledger, so that others need not wait for those of a dead process to leave. Every
// step is one transaction.
const (
	barrierTurn    = shm.CellBody      // u32: changes when a round ends, and when the barrier has drained; waited for
	barrierInside  = shm.CellBody + 4  // u32: parties that have arrived, or have not left
	barrierParties = shm.CellBody + 8  // u32
	barrierState   = shm.CellBody + 12 // u32: flags
)

const (
	barrierBroken   = 1 // nobody gets through until a reset
	barrierDraining = 2
	barrierFailed   = 4 // the outcome of the last round
)

// NewBarrier returns the Init of a barrier.
func NewBarrier(parties uint32) func(t *shm.Tx, at uint64) {
	return func(t *shm.Tx, at uint64) { t.Store(at+barrierParties, parties) }
}

// A round is a barrier in a transaction, with the place of the number of this
// process's parties inside.
type round struct {
	t         *shm.Tx
	at, units uint64
}

func inRound(o *shm.Object, fn func(r round) error) error {
	return o.Units(func(t *shm.Tx, units uint64) error { return fn(round{t, o.At(), units}) })
}

func (r round) is(flag uint32) bool { return r.t.Load(r.at+barrierState)&flag != 0 }
func (r round) set(flags uint32)    { r.t.Store(r.at+barrierState, r.t.Load(r.at+barrierState)|flags) }
func (r round) clear(flags uint32)  { r.t.Store(r.at+barrierState, r.t.Load(r.at+barrierState)&^flags) }
func (r round) turn() uint32        { return r.t.Load(r.at + barrierTurn) }
func (r round) inside() uint32      { return r.t.Load(r.at + barrierInside) }
func (r round) filling() bool       { return r.inside() > 0 && !r.is(barrierDraining) }
func (r round) full() bool          { return r.inside() >= r.t.Load(r.at+barrierParties) }

// call wakes all to look.
func (r round) call() {
	r.t.Add(r.at+barrierTurn, 1)
	r.t.Wake(r.at + barrierTurn)
}

// end ends the round. The outcome is barrierFailed or 0.
func (r round) end(outcome uint32) {
	r.clear(barrierFailed)
	r.set(outcome)
	if r.inside() > 0 {
		r.set(barrierDraining)
	}
	r.call()
}

// abandon ends a round that cannot be completed, and calls those who wait to begin
// one.
func (r round) abandon() {
	if r.filling() {
		r.end(barrierFailed)
	} else {
		r.call()
	}
}

// lose takes n parties out. The last one to leave lets others in.
func (r round) lose(n uint32) {
	n = min(n, r.inside())
	if r.t.Add(r.at+barrierInside, -int(n)) == 0 && r.is(barrierDraining) {
		r.clear(barrierDraining)
		r.call()
	}
}

// leave takes one party of this process out.
func (r round) leave() {
	r.t.Add(r.units, -1)
	r.lose(1)
}

// AbortBarrier breaks a barrier.
func AbortBarrier(h *shm.Handle) error {
	return changeBarrier(h, func(r round) { r.set(barrierBroken) })
}

// ResetBarrier mends a barrier, and breaks the round that has begun.
func ResetBarrier(h *shm.Handle) error {
	return changeBarrier(h, func(r round) { r.clear(barrierBroken) })
}

func changeBarrier(h *shm.Handle, change func(r round)) error {
	if err := h.Enter(); err != nil {
		return err
	}
	defer h.Exit()
	return inRound(h.Object(), func(r round) error {
		change(r)
		r.abandon()
		return nil
	})
}

// BarrierStatus returns how many parties the barrier is for, how many of them wait, and
// whether it is broken; zeros of a closed handle.
func BarrierStatus(h *shm.Handle) (parties, waiting int, broken bool) {
	if h.Enter() != nil {
		return 0, 0, false
	}
	defer h.Exit()
	_ = inRound(h.Object(), func(r round) error {
		parties, broken = int(r.t.Load(r.at+barrierParties)), r.is(barrierBroken)
		if r.filling() {
			waiting = int(r.inside())
		}
		return nil
	})
	return parties, waiting, broken
}

func init() {
	shm.OnDeparture(KindBarrier, func(t *shm.Tx, d shm.Departure) {
		r := round{t: t, at: d.At}
		incomplete := r.filling() && d.Units > 0
		r.lose(d.Units)
		if incomplete || !d.Orderly {
			r.set(barrierBroken)
			r.abandon()
		}
	})
}
