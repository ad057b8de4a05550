package pool

import (
	"context"
	"errors"
	"time"

	wire "github.com/multiproc/mp/internal/worker"
)

// stop ends a batch before its time: what has not started will not. What runs
// goes on, unless interrupt is set: then its context ends, and after the grace
// period its worker is killed.
func (p *Pool) stop(b *batch, reason error, interrupt bool) {
	p.mu.Lock()
	if b.ended {
		p.mu.Unlock()
		return
	}
	if b.dead == nil {
		b.dead = reason
		p.count.cancelled += int64(b.queued)
		b.queued = 0
		b.open = false
	} else if b.dead == errStopped {
		b.dead = reason
	}
	b.held++
	var workers []*worker
	if b.flying > 0 {
		workers = append(workers, p.workers...)
	}
	for _, w := range workers {
		if !w.carries(b) {
			continue
		}
		if interrupt { // before the mutex is released: the worker must get nothing new
			p.condemn(w, b)
		}
		p.takeBack(w)
		if interrupt {
			p.interrupt(w, b)
		}
	}
	b.held--
	over, dead := p.over(b), b.dead
	p.mu.Unlock()
	if over {
		p.finish(b, dead)
	}
	p.feed()
}

// carries says whether the worker has items of the batch. The caller holds mu.
func (w *worker) carries(b *batch) bool {
	for _, f := range w.flights[w.head:] {
		if f.b == b {
			return true
		}
	}
	return false
}

// condemn sets the time for killing the worker if it still runs an item of the
// batch then. The caller holds mu.
func (p *Pool) condemn(w *worker, b *batch) {
	at := time.Now().Add(p.opts.KillGrace)
	for i := w.head; i < len(w.flights); i++ {
		if f := &w.flights[i]; f.b == b && f.killAt.IsZero() {
			f.killAt = at
			w.watch.condemned++
		}
	}
	p.keeper.wake()
}

// interrupt ends the contexts of the batch's items that the worker has claimed;
// the results of earlier ones may be on their way. The caller holds mu.
func (p *Pool) interrupt(w *worker, b *batch) {
	if w.dead {
		return
	}
	for _, f := range w.flights[w.head:] {
		if f.b == b {
			w.host.cancel(f.first)
		}
	}
	if p.opts.KillGrace == 0 {
		p.killOverdue(w, time.Now())
	}
}

// takeBack closes the worker's gate: what it has not claimed goes back to the
// queue. The caller holds mu, and sees to it that the queue is looked at.
func (p *Pool) takeBack(w *worker) {
	if w.sent == w.ledger.Claimed() {
		return
	}
	claimed, epoch := w.ledger.Revoke()
	if claimed < w.received || claimed > w.sent {
		w.host.kill() // its ledger is nonsense
		return
	}
	end := len(w.flights)
	var back span // what is adjacent goes back as one: pieces of pieces would soon be items
	for end > w.head && w.flights[end-1].end() > claimed {
		end--
		f := &w.flights[end]
		keep := f.lo
		if f.first < claimed {
			keep = f.hi - int(f.end()-claimed)
		}
		if back.b != f.b || back.lo != f.hi {
			p.putBack(back)
			back = span{f.b, f.hi, f.hi}
		}
		back.lo = keep
		w.load -= f.each * float64(f.hi-keep)
		w.due.Add(-int64(f.hi - keep))
		f.hi = keep
		if f.lo < f.hi {
			end++
			break
		}
		w.bytes -= f.bytes
		if !f.killAt.IsZero() {
			w.watch.condemned--
		}
		w.flights[end] = flight{}
	}
	p.putBack(back)
	wasBusy := w.busy()
	w.flights = w.flights[:end]
	w.sent = claimed
	// What has not been written yet is among what was taken back. Left there, it would
	// pile up beside a worker that is stopped.
	w.out = wire.AppendResume(w.out[:0], claimed, epoch)
	if wasBusy && !w.busy() {
		w.idle()
	}
	p.flush(w)
}

// interrupted says whether an item's error is what one expects of an item whose
// context has ended.
func (b *batch) interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
