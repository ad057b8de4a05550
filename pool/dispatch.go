package pool

import "time"

const (
	// window is the work that a worker gets in advance: enough to be busy while
	// its results travel and the parent is woken, and no more, for what one
	// worker has another cannot take without being told.
	window = 6 * time.Millisecond
	// chunkFor is the work in a chunk that the pool has cut.
	chunkFor = 3 * time.Millisecond
	// chunkAtLeast is the work for which a chunk is not cut any smaller, though others
	// may have to wait that long at the end: less is not worth a chunk of its own.
	chunkAtLeast = 50 * time.Microsecond
	// chunkBytes bounds a chunk, so that it fits into the pipe.
	chunkBytes = 512 << 10
	// growth is how much larger than the last one a chunk of a batch may be: the
	// pace of a task is a guess.
	growth = 16
	// maxBytes bounds the arguments that a worker gets in advance.
	maxBytes = 1 << 20
)

// hasRoom says whether a worker may get more work. The caller holds mu.
func (w *worker) hasRoom() bool {
	if w.pool.state == closing || !w.ready || w.dead || w.leaving || w.encoding || w.watch.doomed() {
		return false
	}
	if !w.busy() {
		return true
	}
	return !w.slow && w.load < float64(window) && w.bytes < maxBytes
}

// pick chooses a worker for the front of the queue: an idle one, the one that
// worked last; otherwise the least loaded one with room. The caller holds mu.
func (p *Pool) pick() *worker {
	if p.queue.first() == nil {
		return nil
	}
	if w := p.idleWorker(false); w != nil {
		return w
	}
	if !p.full {
		var best *worker
		for _, w := range p.workers {
			if w.busy() && w.hasRoom() && (best == nil || w.load < best.load) {
				best = w
			}
		}
		if best != nil {
			return best
		}
		p.full = true
	}
	return p.idleWorker(true)
}

// idleWorker returns an idle worker with room. If there is work for all of them, that
// is the oldest: so a Map over the same items gives each worker the part that it had
// last time, whose memory it knows. Otherwise it is the one that worked last. One that
// has not taken up its last call counts only if stalled is set. The caller holds mu.
func (p *Pool) idleWorker(stalled bool) *worker {
	idle := func(w *worker) bool { return !w.busy() && w.stalled == stalled && w.hasRoom() }
	if s := p.queue.first(); s != nil && s.len() >= len(p.idle) {
		for _, w := range p.workers {
			if idle(w) {
				return w
			}
		}
		return nil
	}
	for i := len(p.idle) - 1; i >= 0; i-- {
		if w := p.idle[i]; idle(w) {
			return w
		}
	}
	return nil
}

// feed gives the workers what is in the queue, as far as they have room.
func (p *Pool) feed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.give()
}

// give is feed for a caller that holds mu, which is released and taken again in between.
// It looks again after each worker: a chunk may have come back, because it could not be
// encoded or its worker is to end, when those that have become idle meanwhile have
// looked already.
func (p *Pool) give() {
	for w := p.pick(); w != nil; w = p.pick() {
		p.fill(w, false)
	}
}

// fill moves work from the queue to a worker: one chunk if others are idle, as
// much as it has room for otherwise. The caller holds mu, which is released and
// taken again in between.
func (p *Pool) fill(w *worker, flush bool) {
	for w.hasRoom() && !(w.busy() && p.idleWorker(false) != nil) {
		s := p.queue.first()
		if s == nil {
			break
		}
		c := span{b: s.b, lo: s.lo, hi: s.lo + p.chunkSize(*s)}
		s.lo = c.hi
		c.b.queued -= c.len()
		c.b.flying += c.len()
		if c.b.arg != nil {
			p.send(w, c, c.b.arg)
			continue
		}
		p.encode(w, c)
	}
	if flush || w.urgent || len(w.out) >= flushBytes {
		w.urgent = false
		p.flush(w)
	}
}

// chunkSize decides how many items of a span go to a worker at once.
func (p *Pool) chunkSize(s span) int {
	left, b := s.len(), s.b
	if b.chunk > 0 || left == 1 {
		return min(left, max(b.chunk, 1))
	}
	each := p.paceOf(b.def).each
	if each == 0 {
		return 1
	}
	n := int(float64(chunkFor) / each)
	n = min(n, max(b.cut, 1)*growth)
	share := (left + 2*p.opts.Workers - 1) / (2 * p.opts.Workers)
	if !b.long {
		share = max(share, min(left, int(float64(chunkAtLeast)/each)))
	}
	n = min(n, share)
	if in, _, err := b.def.Codecs(); err == nil && in.RawSize() > 0 {
		n = min(n, chunkBytes/in.RawSize())
	}
	b.cut = max(n, 1)
	return b.cut
}

// putBack returns items that a worker was to have to the front of the queue; those of a
// dead batch are dropped. The caller holds mu, and sees to it that the queue is looked
// at.
func (p *Pool) putBack(c span) {
	if c.lo >= c.hi {
		return
	}
	c.b.flying -= c.len()
	if c.b.dead != nil {
		p.count.cancelled += int64(c.len())
		p.concludeLater(c.b)
		return
	}
	c.b.queued += c.len()
	p.queue.unshift(c)
	p.full = false
}

// concludeLater finishes a batch, if it is over, on a goroutine of its own: the
// caller holds mu.
func (p *Pool) concludeLater(b *batch) {
	if p.over(b) {
		go p.finish(b, b.dead)
	}
}
