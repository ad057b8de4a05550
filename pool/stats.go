package pool

// Stats is what a pool has done and has to do.
type Stats struct {
	Workers   int   // alive and ready
	Busy      int   // of them, those that have work
	Queued    int   // tasks that no worker has
	InFlight  int   // tasks that a worker has: one of them runs, the others wait there
	Completed int64 // tasks that returned a value
	Failed    int64 // tasks that ended with an error
	Cancelled int64 // tasks that were dropped before they ran
	Retried   int64 // runs that were repeated because the worker died
	Died      int64 // workers that ended, but for those that left at the end of the pool in good order
	Killed    int64 // of them, those that the pool killed for a task
}

// counters are the sums of Stats.
type counters struct {
	completed, failed, cancelled, retried, died, killed int64
}

// Stats returns the pool's figures at this moment.
func (p *Pool) Stats() Stats {
	if p == nil {
		return Stats{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{
		Completed: p.count.completed,
		Failed:    p.count.failed,
		Cancelled: p.count.cancelled,
		Retried:   p.count.retried,
		Died:      p.count.died,
		Killed:    p.count.killed,
	}
	for _, w := range p.workers {
		s.Workers++
		if w.busy() {
			s.Busy++
		}
	}
	for b := range p.batches {
		s.Queued += b.queued
		s.InFlight += b.flying
	}
	return s
}
