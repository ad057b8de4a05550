package pool

import (
	"fmt"
	"sync"

	"github.com/multiproc/mp/internal/ipc/codec"
)

const (
	// minRing is the size of a stream's ring to begin with.
	minRing = 64
	// maxAhead bounds what a stream has in flight when it chooses itself.
	maxAhead = 1 << 16
	// aheadFor is the work that a stream keeps in flight for each worker.
	aheadFor = 4 * window
	// showAtOnce is how many values are handed to the loop between two looks at
	// the ring.
	showAtOnce = 512
)

// stream is the work of an Imap: a ring of the items that were pulled and have
// not been yielded. Item i is in slot i modulo the ring's size, a power of two.
//
//	yielded <= shown <= pulled
//
// Slots from yielded on are in use; those below shown are with the loop. In an
// unordered stream, shown is not used, and slots below yielded are free because
// all of them are gone.
//
// Lock order: progress before mu before the pool's mutex; work.encode and
// work.results come without the pool's mutex.
type stream[In, Out any] struct {
	pool    *Pool
	batch   batch
	in, out *codec.Codec
	ordered bool
	options callOptions

	mu      sync.Mutex
	room    sync.Cond // the puller waits for room in the ring
	changed sync.Cond // the loop waits for values
	ins     []In
	outs    []Out
	states  []slotState
	errs    map[int]error
	yielded int
	shown   int
	pulled  int
	ahead   int   // how many items may be in the ring
	decided []int // unordered: items with an outcome, in the order in which they came
	taken   []int // unordered: those with the loop
	halted  bool  // nothing more is to be pulled
	over    bool  // the batch has ended
	dropped error // why items were dropped
	failure error // of the input

	progress sync.Mutex
	done     int
}

type slotState uint8

const (
	waiting slotState = iota // no outcome yet
	valued
	gone // unordered: it has left, though older ones have not
)

// resize gives the ring another size. The caller holds mu.
func (s *stream[In, Out]) resize(size int) {
	ins, outs, states := make([]In, size), make([]Out, size), make([]slotState, size)
	for i := s.yielded; i < s.pulled; i++ {
		from, to := i&(len(s.ins)-1), i&(size-1)
		ins[to], outs[to], states[to] = s.ins[from], s.outs[from], s.states[from]
	}
	s.ins, s.outs, s.states = ins, outs, states
}

// setAhead decides how many items may be in flight. The caller holds mu.
func (s *stream[In, Out]) setAhead() {
	if s.options.inFlight > 0 {
		s.ahead = s.options.inFlight
		return
	}
	workers := s.pool.opts.Workers
	s.ahead = 2 * workers * max(s.options.chunk, 1)
	s.pool.mu.Lock()
	each := s.pool.paceOf(s.batch.def).each
	s.pool.mu.Unlock()
	if each > 0 {
		s.ahead = max(s.ahead, min(workers*int(float64(aheadFor)/each), maxAhead))
	}
}

// put takes an item in, waiting for room. It returns false when nothing more is
// wanted.
func (s *stream[In, Out]) put(item In) bool {
	s.mu.Lock()
	if s.pulled%minRing == 0 || s.pulled-s.yielded >= s.ahead {
		s.setAhead()
	}
	for !s.halted && s.pulled-s.yielded >= s.ahead {
		s.room.Wait()
		s.setAhead()
	}
	if s.halted {
		s.mu.Unlock()
		return false
	}
	if s.pulled-s.yielded == len(s.ins) {
		s.resize(2 * len(s.ins))
	}
	number := s.pulled
	i := number & (len(s.ins) - 1)
	s.ins[i], s.states[i] = item, waiting
	s.pulled++
	s.mu.Unlock()

	p, b := s.pool, &s.batch
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.dead != nil {
		return false
	}
	b.queued++
	p.queue.extend(span{b: b, lo: number, hi: number + 1})
	if w := p.pick(); w != nil {
		p.fill(w, false)
	}
	return true
}

// close notes that the input has ended.
func (s *stream[In, Out]) close(failure error) {
	s.mu.Lock()
	s.failure = failure
	s.mu.Unlock()
	p, b := s.pool, &s.batch
	p.mu.Lock()
	b.open = false
	over := b.over()
	if over {
		p.conclude(b)
	}
	p.mu.Unlock()
	if over {
		s.finish(b.dead)
	}
}

// halt ends the stream before its time.
func (s *stream[In, Out]) halt(reason error, interrupt bool) {
	s.mu.Lock()
	s.halted = true
	s.room.Broadcast()
	s.mu.Unlock()
	s.pool.stop(&s.batch, reason, interrupt)
}

func (s *stream[In, Out]) finish(dropped error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over, s.halted, s.dropped = true, true, dropped
	s.room.Broadcast()
	s.changed.Broadcast()
}

func (s *stream[In, Out]) encode(dst []byte, lo, hi int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mask := len(s.ins) - 1
	var items []In
	if a, b := lo&mask, hi&mask; a < b || b == 0 && hi > lo {
		items = s.ins[a : a+hi-lo]
	} else { // around the end of the ring
		items = append(append(items, s.ins[a:]...), s.ins[:b]...)
	}
	args, err := codec.AppendItems(s.in, dst, items)
	if err != nil {
		return args, fmt.Errorf("pool: the argument cannot be sent: %w", err)
	}
	return args, nil
}

func (s *stream[In, Out]) results(lo, n int, body []byte, _ bool) error {
	s.mu.Lock()
	mask := len(s.outs) - 1
	var err error
	if a := lo & mask; a+n <= len(s.outs) {
		err = codec.DecodeItems(s.out, body, s.outs[a:a+n])
	} else {
		values := make([]Out, n)
		err = codec.DecodeItems(s.out, body, values)
		copy(s.outs, values[copy(s.outs[a:], values):])
	}
	if err != nil {
		s.mu.Unlock()
		return fmt.Errorf("pool: the result cannot be decoded: %w", err)
	}
	for i := lo; i < lo+n; i++ {
		s.decide(i)
	}
	s.changed.Signal()
	s.mu.Unlock()
	s.advance(n)
	return nil
}

func (s *stream[In, Out]) fail(i int, err error) {
	s.mu.Lock()
	if s.errs == nil {
		s.errs = make(map[int]error)
	}
	s.errs[i] = &TaskError{Index: i, Err: err}
	s.decide(i)
	s.changed.Signal()
	s.mu.Unlock()
	s.advance(1)
}

// decide notes that an item has its outcome. The caller holds mu.
func (s *stream[In, Out]) decide(i int) {
	s.states[i&(len(s.states)-1)] = valued
	if !s.ordered {
		s.decided = append(s.decided, i)
	}
}

// advance reports progress.
func (s *stream[In, Out]) advance(n int) {
	if s.options.progress == nil {
		return
	}
	s.progress.Lock()
	defer s.progress.Unlock()
	s.done += n
	s.pool.guard("the function given to Progress", func() { s.options.progress(s.done, -1) })
}
