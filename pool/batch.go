package pool

import (
	"time"

	"github.com/multiproc/mp/internal/task"
	"github.com/multiproc/mp/internal/travel"
)

// A batch is work that was accepted: the items of one Submit, Map or Imap, all
// for the same function. The scheduler knows items only as numbers within their
// batch; what they are is behind work.
type batch struct {
	def      *task.Def
	work     work
	arg      []byte         // a single item, encoded already; nil: work encodes
	luggage  travel.Luggage // of arg
	chunk    int            // items per chunk; 0: the scheduler chooses
	limit    time.Duration  // for each item; 0: none
	retries  int
	deadline time.Time // of the caller's context; zero: none

	// The rest belongs to the pool's mutex.

	queued int   // items in the pool's queue
	flying int   // items that a worker has
	open   bool  // more items will come (Imap)
	ended  bool  // work.finish has been, or is being, called
	held   int   // somebody is at work on it and will look whether it is over
	dead   error // why nothing more of it is to be run; nil: it lives
	cut    int   // size of the last chunk, for growing
	long   bool  // an item has taken long, whatever the pace of the task
	tries  map[int]int
}

// work is the typed side of a batch. Its methods are called without the pool's
// mutex, from several goroutines, but each item's outcome by only one.
type work interface {
	// encode appends the arguments of the items from lo to hi as one batch.
	encode(dst []byte, lo, hi int) ([]byte, error)
	// results takes the encoded results of n items from lo on. An error fails
	// them. If owned, body may be kept.
	results(lo, n int, body []byte, owned bool) error
	// fail takes the failure of item i.
	fail(i int, err error)
	// finish is called once, when all items have had their outcome, with the
	// reason if some were dropped because the batch was stopped.
	finish(dropped error)
}

// A span is a range of items of a batch.
type span struct {
	b      *batch
	lo, hi int
}

func (s span) len() int { return s.hi - s.lo }

// over says whether the batch has no items left anywhere, and marks it so. The
// caller, who holds mu, then calls finish without it.
func (p *Pool) over(b *batch) bool {
	if b.ended || b.open || b.held > 0 || b.queued > 0 || b.flying > 0 {
		return false
	}
	b.ended = true
	delete(p.batches, b)
	return true
}
