package pool

import "time"

// worthTaking is how much work a worker has to have in advance for taking it back.
const worthTaking = 200 * time.Microsecond

// balance moves work from a worker that has much in advance to one that has none,
// when the queue is empty and w has just delivered items of b. The caller holds mu,
// and gives out what is then in the queue.
func (p *Pool) balance(w *worker, b *batch) {
	switch {
	case len(p.workers) < 2 || p.queue.first() != nil:
	case w.busy():
		p.offer(w, p.paceOf(b.def).expect())
	default:
		p.rob(w)
	}
}

// offer takes back what w has not begun, if another worker has nothing to do: it takes
// longer than was thought when it was sent.
func (p *Pool) offer(w *worker, each float64) {
	waiting := w.sent - w.ledger.Claimed()
	if float64(waiting)*each > float64(worthTaking) && p.idleWorker(false) != nil {
		p.takeBack(w)
	}
}

// rob takes work back from the worker that has most, for one that has none.
func (p *Pool) rob(idle *worker) {
	if !idle.hasRoom() {
		return
	}
	var most *worker
	for _, w := range p.workers {
		if w.busy() && !w.dead && (most == nil || w.load > most.load) {
			most = w
		}
	}
	if most != nil && most.load > float64(worthTaking) && most.sent > most.ledger.Claimed()+1 {
		p.takeBack(most)
	}
}
