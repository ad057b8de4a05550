package robust

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

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

// An Action is what the last party to arrive runs. It calls finish once, on its
// goroutine, also if that comes to its end meanwhile.
type Action func(ctx context.Context, finish func(err error))

// WaitBarrier waits until as many parties have arrived as the barrier is for. index
// says how many were there before.
func WaitBarrier(ctx context.Context, h *shm.Handle, action Action) (index int, err error) {
	if err := h.Enter(); err != nil {
		return -1, err
	}
	defer h.Exit()
	if err := ctx.Err(); err != nil {
		return -1, err
	}
	o := h.Object()
	o.Released()
	defer o.Acquired()
	p := &party{ctx: ctx, h: h, o: o, acts: action != nil}
	if err := p.arrive(); err != nil {
		return -1, err
	}
	o.Acquired() // the action comes after what all parties have done before
	switch {
	case p.through:
		return p.index, nil
	case !p.last:
		err = p.wait()
	default:
		action(ctx, func(failure error) { err = p.finish(failure) })
	}
	if err != nil {
		return -1, err
	}
	return p.index, nil
}

// A party is one call of WaitBarrier.
type party struct {
	ctx     context.Context
	h       *shm.Handle
	o       *shm.Object
	acts    bool // the last one has something to do before all are let through
	index   int
	turn    uint32 // when it arrived
	last    bool
	through bool // it was the last, and the round is over
}

// arrive waits for the round before to be over, and makes the party one of the next.
func (p *party) arrive() error {
	var ended error // why not to wait any longer
	for {
		var wait bool
		err := inRound(p.o, func(r round) error {
			p.turn = r.turn()
			wait = r.is(barrierDraining) || r.full()
			switch {
			case r.is(barrierBroken):
				return ErrBrokenBarrier
			case wait && ended != nil:
				r.set(barrierBroken)
				r.abandon()
			case !wait:
				p.join(r)
			}
			return nil
		})
		switch {
		case err != nil || !wait:
			return err
		case ended != nil:
			return broken(ended)
		}
		ended = p.h.Wait(p.ctx, p.o.Word(barrierTurn), p.turn)
	}
}

func (p *party) join(r round) {
	p.index = int(r.inside())
	r.t.Add(r.at+barrierInside, 1)
	p.last = r.full()
	if p.through = p.last && !p.acts; p.through {
		r.t.Add(r.at+barrierInside, -1)
		r.end(0)
	} else {
		r.t.Add(r.units, 1)
	}
}

// wait waits for the round to end.
func (p *party) wait() error {
	var ended error
	for atomic.LoadUint32(p.o.Word(barrierTurn)) == p.turn {
		if ended != nil {
			return p.finish(ended)
		}
		ended = p.h.Wait(p.ctx, p.o.Word(barrierTurn), p.turn)
	}
	return p.finish(nil)
}

// finish makes the party leave. If its round has not ended it does now: it breaks
// the barrier if there is a failure, and is the last of its round if there is none.
func (p *party) finish(failure error) error {
	var failed, over bool
	p.o.Released()
	err := inRound(p.o, func(r round) error {
		over = r.turn() != p.turn
		failed = over && r.is(barrierFailed)
		r.leave()
		switch {
		case over:
		case failure != nil:
			r.set(barrierBroken)
			r.end(barrierFailed)
		default:
			r.end(0)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case over && !failed:
		return nil
	case failure != nil:
		return broken(failure)
	case failed:
		return ErrBrokenBarrier
	}
	return nil
}

// broken is the error of the party that has broken the barrier, and why.
func broken(why error) error { return fmt.Errorf("%w: %w", ErrBrokenBarrier, why) }

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
