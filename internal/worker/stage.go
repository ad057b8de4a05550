package worker

import (
	"context"
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/travel"
)

const (
	// flushAfter is how long a finished result waits for company.
	flushAfter = 4 * time.Millisecond
	// flushSize is how many bytes of results are worth a system call.
	flushSize = 16 << 10
	// claimFor is the work that a worker claims at a time of items that are tiny,
	// so that a claim would cost more than they do. What is claimed cannot be taken
	// back, and waits if one of them never ends: all others are claimed one by one.
	// maxClaim bounds it in items.
	claimFor = 50 * time.Microsecond
	tiny     = 300 * time.Nanosecond
	maxClaim = 4096
	growth   = 4 // from claim to claim
)

// A Runner runs the items of a call: from s.Next up to s.Items, as far as
// s.Claim lets it. It advances s.Next past each item whose result or failure it
// has handed to s, also when the item panics or ends its goroutine.
type Runner interface {
	Run(s *Stage)
}

// A Stage is where the items of one call run. Its memory is reused from call
// to call.
type Stage struct {
	Args  []byte // the arguments, encoded as a slice of them
	Items int    // how many
	First uint64 // the number of item 0
	Next  int    // the next one to run
	Limit time.Duration
	Marks ledger.Marks

	ledger *ledger.Ledger
	box    *ledger.Outbox
	out    *ipc.Writer
	ctx    *callContext

	transit *travel.TransitSender

	epoch   uint16
	claimed int       // items below are claimed
	claim   int       // how many were claimed last
	asked   time.Time // when that was
	oldest  time.Time // when the oldest result in the outbox came; zero: it is empty

	part part
	lost error // why the pipe cannot be written to

	// onLost is called when that has happened. It ends the process; a worker
	// without processes has none, and works on for nobody.
	onLost func(error)
}

// part is the result frame under construction.
type part struct {
	open    bool
	first   uint64
	head    int // size of the encoding's header, before payload
	payload int
	end     int
	room    int // how far end may grow
	count   int
	fixed   int // size of a result, 0: any
	began   time.Time
}

// begin prepares the stage for a call.
func (s *Stage) begin(c Call, first uint64, args []byte, ctx *callContext) {
	s.Args, s.Items, s.First, s.Next, s.Limit = args, c.Items, first, 0, c.Limit
	s.ctx = ctx
	s.claimed, s.claim = 0, 0
	s.asked = time.Now()
}

// Context returns the context for the items; with a time limit, each item has
// its own, and done releases it.
func (s *Stage) Context() (ctx context.Context, done context.CancelFunc) {
	if s.Limit > 0 {
		return context.WithTimeout(s.ctx, s.Limit)
	}
	return s.ctx, nop
}

func nop() {}

// Claim returns the end of the items that may run now. Next itself means none:
// the parent has taken the rest of the call back.
func (s *Stage) Claim() int {
	if s.Next < s.claimed {
		return s.claimed
	}
	now := time.Now()
	n := s.next(now.Sub(s.asked))
	s.asked = now
	if !s.oldest.IsZero() && now.Sub(s.oldest) > flushAfter {
		s.Flush()
	}
	if !s.ledger.Claim(s.epoch, s.First+uint64(s.Next), n) {
		return s.Next
	}
	s.claimed, s.claim = s.Next+n, n
	return s.claimed
}

// next returns how many items to claim, when those that were claimed last took this
// long. What another call's took says nothing: each begins with one.
func (s *Stage) next(took time.Duration) int {
	n := 1
	if s.claim > 0 && s.Limit == 0 && took <= tiny*time.Duration(s.claim) {
		switch n = s.claim; {
		case took < claimFor/growth:
			n = min(n*growth, maxClaim)
		case took > claimFor:
			n = max(n/growth, 1)
		}
	}
	return min(n, s.Items-s.Next)
}

// finish ends the call.
func (s *Stage) finish() {
	s.closePart()
	if s.box.Len() >= flushSize {
		s.Flush()
	}
	s.ctx.cancel(context.Canceled)
	s.ctx, s.Args = nil, nil
}

// Flush writes the outbox to the pipe.
func (s *Stage) Flush() {
	s.closePart()
	if s.box.Len() > 0 {
		s.write(s.box.Bytes())
		s.box.Written()
	}
	s.oldest = time.Time{}
}

// write writes to the pipe. If it cannot, the parent is gone, or a task has
// closed the pipe; what is in the outbox then stays there for the parent to find.
func (s *Stage) write(p []byte) {
	if s.lost != nil || len(p) == 0 {
		return
	}
	if _, s.lost = s.out.Write(p); s.lost != nil && s.onLost != nil {
		s.onLost(s.lost)
	}
}
