package robust

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

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
		_, ended = p.h.Wait(p.ctx, p.o.Word(barrierTurn), p.turn)
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
		_, ended = p.h.Wait(p.ctx, p.o.Word(barrierTurn), p.turn)
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
