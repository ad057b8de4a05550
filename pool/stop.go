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
	for _, w := range append([]*worker(nil), p.workers...) {
		if !w.carries(b) {
			continue
		}
		p.takeBack(w)
		if interrupt && w.carries(b) {
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

// interrupt ends the context of the batch's item that a worker runs, and sets
// the time for killing it. The worker gets no other work until then, so that
// the kill cannot hit anything else. The caller holds mu and has taken back what
// had not started.
func (p *Pool) interrupt(w *worker, b *batch) {
	for _, f := range w.flights[w.head:] {
		if f.b == b { // results of earlier ones may be on their way
			w.host.cancel(f.first)
		}
	}
	w.watch.batch = b
	w.watch.killAt = time.Now().Add(p.opts.KillGrace)
	if p.opts.KillGrace == 0 {
		p.kill(w, b.dead)
	}
	p.keeper.wake()
}

// kill kills a worker because of the item that it runs, if it still runs one.
// The caller holds mu.
func (p *Pool) kill(w *worker, reason error) {
	if w.watch.reason == nil && w.ledger.Started() > w.received {
		w.watch.reason = reason
		w.host.kill()
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
	for end > w.head && w.flights[end-1].end() > claimed {
		end--
		f := &w.flights[end]
		keep := f.lo
		if f.first < claimed {
			keep = f.hi - int(f.end()-claimed)
		}
		back := span{f.b, keep, f.hi}
		w.load -= f.each * float64(back.len())
		w.due.Add(-int64(back.len()))
		f.hi = keep
		p.putBack(back)
		if f.lo < f.hi {
			end++
			break
		}
		w.bytes -= f.bytes
		w.flights[end] = flight{}
	}
	wasBusy := w.busy()
	w.flights = w.flights[:end]
	w.sent = claimed
	w.out = wire.AppendResume(w.out, claimed, epoch)
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
