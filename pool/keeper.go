package pool

import (
	"time"
)

const (
	// tick is how often the keeper looks at workers that have more than one item.
	tick = 10 * time.Millisecond
	// stallAfter is how long a worker may be on one item before what waits behind
	// it, and the results that wait before it, are fetched.
	stallAfter = 10 * time.Millisecond
	// unclaimedAfter is how long a worker without an item may take to claim one.
	unclaimedAfter = 100 * time.Millisecond
)

// keeper is the pool's clock: while there is something to look after, it looks at
// the ledgers of the busy workers now and then. That needs no word from the
// workers, and wakes none of them.
type keeper struct {
	p      *Pool
	wakeup chan struct{}
	quit   chan struct{}
	ended  chan struct{}
	active bool // it ticks; belongs to the pool's mutex
}

// stall is what the keeper remembers of a worker.
type stall struct {
	started uint64    // how many items it had started
	since   time.Time // when that was first seen
	done    uint64    // how many it had finished at the tick before the last
	latest  uint64    // how many at the last

	launched time.Time // when it last got a call while it was idle

	reason  error     // why it has been killed
	leaveBy time.Time // when it has to have ended

	// condemned is how many of its flights have a time to be killed at.
	condemned int
}

// doomed says that the worker may have to be killed, or has been: it gets no
// other work until that is decided.
func (s *stall) doomed() bool { return s.condemned > 0 || s.reason != nil }

func (k *keeper) init(p *Pool) {
	k.p = p
	k.wakeup = make(chan struct{}, 1)
	k.quit = make(chan struct{})
	k.ended = make(chan struct{})
	go k.run()
}

// wake has the keeper look after something new. The caller holds the pool's
// mutex.
func (k *keeper) wake() {
	if !k.active {
		k.active = true
		k.wakeup <- struct{}{}
	}
}

// stop ends the keeper. It may be called more than once.
func (k *keeper) stop() {
	k.p.mu.Lock()
	select {
	case <-k.quit:
	default:
		close(k.quit)
	}
	k.p.mu.Unlock()
	<-k.ended
}

func (k *keeper) run() {
	defer close(k.ended)
	ticker := time.NewTicker(tick)
	ticker.Stop()
	defer ticker.Stop()
	for {
		select {
		case <-k.quit:
			return
		case <-k.wakeup:
			ticker.Reset(tick)
		case now := <-ticker.C:
			if !k.look(now) {
				ticker.Stop()
			}
		}
	}
}

// look looks at all workers once. It returns false if there is nothing to look
// after any more.
func (k *keeper) look(now time.Time) bool {
	p := k.p
	stuck := make(map[*worker]uint64)
	p.mu.Lock()
	more := false
	for _, w := range append([]*worker(nil), p.workers...) {
		if w.dead {
			continue
		}
		more = p.overdue(w, now) || more
		if !w.busy() {
			continue
		}
		more = p.observe(w, now) || more
		standing := now.Sub(w.watch.since) > stallAfter
		if standing && w.watch.done > w.received {
			stuck[w] = w.watch.done
		}
		switch {
		case w.ledger.Started() == w.ledger.Done():
			p.unclaimed(w, now)
		case standing:
			w.slow = true
			if f := w.running(); f != nil {
				f.b.long = true
			}
			p.takeBack(w)
		}
	}
	k.active = more
	waiting := p.queue.first() != nil
	p.mu.Unlock()
	for w, done := range stuck {
		w.reap.Lock()
		if !w.buried {
			w.recover(done)
		}
		w.reap.Unlock()
	}
	if waiting {
		p.feed()
	}
	return more
}

// unclaimed takes back what a worker has not even taken up: it may be stopped, or
// swapped out. Others are preferred then, until it shows that it lives. The caller
// holds mu.
func (p *Pool) unclaimed(w *worker, now time.Time) {
	if w.sent == w.ledger.Claimed() || now.Sub(w.watch.launched) < unclaimedAfter || now.Sub(w.watch.since) < unclaimedAfter {
		return
	}
	for _, other := range p.workers {
		if other != w && !other.stalled && !other.dead {
			w.stalled = true
			p.takeBack(w)
			return
		}
	}
}

// overdue kills a worker that was told to end, or whose item was to end, and has
// not in time. It returns whether that is still to be watched. The caller holds
// mu.
func (p *Pool) overdue(w *worker, now time.Time) bool {
	s := &w.watch
	if !s.leaveBy.IsZero() && now.After(s.leaveBy) && !w.busy() {
		s.leaveBy = time.Time{}
		w.host.kill()
	}
	p.killOverdue(w, now)
	return !s.leaveBy.IsZero() || s.condemned > 0 && s.reason == nil
}

// killOverdue kills a worker whose item was to end, and has not in time. It has
// claimed nothing else since its gate was closed, so that the kill cannot hit
// another batch; it may be stopped between two items. If all that it has is done,
// only the results are missing, and look fetches them. The caller holds mu.
func (p *Pool) killOverdue(w *worker, now time.Time) {
	if w.watch.condemned == 0 {
		return
	}
	if f := w.current(); f != nil && !f.killAt.IsZero() && !now.Before(f.killAt) {
		p.kill(w, f.b.dead)
	}
}

// kill kills a worker because of the item that it runs. The caller holds mu.
func (p *Pool) kill(w *worker, reason error) {
	if w.watch.reason == nil {
		w.watch.reason = reason
		w.host.kill()
	}
}

// observe notes how long the worker has been on its item, and kills it if the
// item's time limit is over. It returns whether the worker has to be watched. The
// caller holds mu.
func (p *Pool) observe(w *worker, now time.Time) bool {
	s := &w.watch
	s.done, s.latest = s.latest, w.ledger.Done()
	if started := w.ledger.Started(); started != s.started || s.since.IsZero() {
		s.started, s.since = started, now
		w.slow, w.stalled, p.full = false, false, false
	}
	more := w.sent-w.received > 1 || w.sent > w.ledger.Claimed() || w.flights[w.head].b.limit > 0
	f := w.running()
	if f == nil || f.b.limit == 0 {
		return more
	}
	// The limit may be the longest duration there is: no sums.
	if limit := f.b.limit; now.Sub(s.since)-limit > p.opts.KillGrace {
		// The gate is closed first, so that the kill cannot hit another item.
		s.condemned++
		p.takeBack(w)
		s.condemned--
		if w.ledger.Started() == s.started && w.running() != nil {
			p.kill(w, &TimeoutError{Limit: limit, Worker: w.host.name(), PID: w.host.pid()})
		}
	}
	return true
}
