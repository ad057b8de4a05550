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
// not been yielded, whose size is a power of two.
//
// In an ordered stream, item i of the input has the number i in the batch, and
// slot i modulo the size: yielded <= shown <= pulled, where slots from yielded on
// are in use and those below shown are with the loop.
//
// In an unordered one an item has the number of its slot, the next free one around
// the ring, so that an item that takes long keeps one slot and holds up nobody.
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
	indexes []int         // unordered: the place in the input of the item in a slot
	errs    map[int]error // by number
	held    held          // what the arguments refer to
	pulled  int           // items that have come
	inUse   int           // slots that are not free
	ahead   int           // how many items may be in the ring
	yielded int           // ordered: items that have left the ring
	shown   int           // ordered: items that have gone to the loop
	next    int           // unordered: the slot to try first
	decided []int         // unordered: items with an outcome, in the order in which they came
	taken   []int         // unordered: those with the loop
	halted  bool          // nothing more is to be pulled
	over    bool          // the batch has ended
	dropped error         // why items were dropped
	failure error         // of the input

	progress sync.Mutex
	done     int
}

type slotState uint8

const (
	free    slotState = iota
	waiting           // no outcome yet
	valued
)

// resize gives the ring another, larger size. The caller holds mu.
func (s *stream[In, Out]) resize(size int) {
	ins, outs, states, indexes := s.ins, s.outs, s.states, s.indexes
	s.ins, s.outs, s.states = make([]In, size), make([]Out, size), make([]slotState, size)
	if !s.ordered {
		s.indexes = make([]int, size)
		copy(s.indexes, indexes)
		copy(s.ins, ins)
		copy(s.outs, outs)
		copy(s.states, states)
		return
	}
	for i := s.yielded; i < s.pulled; i++ {
		from, to := i&(len(ins)-1), s.slot(i)
		s.ins[to], s.outs[to], s.states[to] = ins[from], outs[from], states[from]
	}
}

// slot returns the slot of the item with a number.
func (s *stream[In, Out]) slot(number int) int { return number & (len(s.ins) - 1) }

// place finds a slot for the next item of the input, and returns its number. The
// caller holds mu and has seen to it that there is room.
func (s *stream[In, Out]) place() (number int) {
	if s.inUse == len(s.ins) {
		s.resize(2 * len(s.ins))
	}
	s.inUse++
	if s.ordered {
		return s.pulled
	}
	for s.states[s.slot(s.next)] != free {
		s.next++
	}
	number = s.slot(s.next)
	s.next = number + 1
	s.indexes[number] = s.pulled
	return number
}

// index returns the place in the input of the item with a number.
func (s *stream[In, Out]) index(number int) int {
	if s.ordered {
		return number
	}
	return s.indexes[number]
}

// setAhead decides how many items may be in flight. The caller holds mu.
func (s *stream[In, Out]) setAhead() {
	if s.options.inFlight > 0 {
		s.ahead = s.options.inFlight
		return
	}
	workers := s.pool.opts.Workers
	s.ahead = 2 * workers * min(max(s.options.chunk, 1), maxAhead)
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
	if s.pulled%minRing == 0 || s.inUse >= s.ahead {
		s.setAhead()
	}
	for !s.halted && s.inUse >= s.ahead {
		s.room.Wait()
		s.setAhead()
	}
	if s.halted {
		s.mu.Unlock()
		return false
	}
	number := s.place()
	s.ins[s.slot(number)], s.states[s.slot(number)] = item, waiting
	s.pulled++
	s.mu.Unlock()

	p, b := s.pool, &s.batch
	p.mu.Lock()
	defer p.mu.Unlock()
	if b.dead != nil {
		return false
	}
	delete(b.tries, number) // of the item that had the slot before
	b.queued++
	p.queue.extend(span{b: b, lo: number, hi: number + 1})
	p.give()
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
	over, dead := p.over(b), b.dead
	p.mu.Unlock()
	if over {
		p.finish(b, dead)
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
	s.held.dropAll()
	s.room.Broadcast()
	s.changed.Broadcast()
}

// encode and results let the codec, and with it methods of the user's types, work
// on copies, without the mutex.
func (s *stream[In, Out]) encode(dst []byte, lo, hi int) ([]byte, error) {
	items := make([]In, hi-lo)
	s.mu.Lock()
	n := copy(items, s.ins[s.slot(lo):])
	copy(items[n:], s.ins) // around the end of the ring
	s.mu.Unlock()
	args, luggage, err := appendItems(s.batch.def, s.in, dst, items)
	if luggage != nil {
		s.mu.Lock()
		s.held.keep(lo, luggage)
		s.mu.Unlock()
	}
	return args, err
}

func (s *stream[In, Out]) results(lo, n int, body []byte, _ bool) error {
	values := make([]Out, n)
	if err := codec.DecodeItems(s.out, body, values); err != nil {
		return fmt.Errorf("pool: the result cannot be decoded: %w", err)
	}
	s.mu.Lock()
	copy(s.outs, values[copy(s.outs[s.slot(lo):], values):])
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
	s.errs[i] = &TaskError{Index: s.index(i), Err: err}
	s.decide(i)
	s.changed.Signal()
	s.mu.Unlock()
	s.advance(1)
}

// decide notes that an item has its outcome. The caller holds mu.
func (s *stream[In, Out]) decide(i int) {
	s.states[s.slot(i)] = valued
	s.held.drop(i)
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
