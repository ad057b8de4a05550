package pool

import "slices"

// queue is the pool's queue of spans: first in, first out, but what was taken
// back from a worker goes to the front.
type queue struct {
	front []span // in reverse order
	back  []span
	head  int // of back
}

func (q *queue) push(s span) {
	if len(q.back) == cap(q.back) {
		q.compact()
		if len(q.back) > cap(q.back)/2 { // otherwise it would be compacted again soon
			q.back = slices.Grow(q.back, cap(q.back))
		}
	}
	q.back = append(q.back, s)
}

// compact drops the spans that are used up or dead. It is called before growing,
// so that a queue that is never empty takes no more memory than a small multiple
// of what is in it.
func (q *queue) compact() {
	live := q.back[:0]
	for _, s := range q.back[q.head:] {
		if s.b.dead == nil && s.lo < s.hi {
			live = append(live, s)
		}
	}
	clear(q.back[len(live):])
	q.back, q.head = live, 0
}

// extend is push, but makes the last span longer if s continues it.
func (q *queue) extend(s span) {
	if n := len(q.back); n > q.head {
		if last := &q.back[n-1]; last.b == s.b && last.hi == s.lo && last.lo < last.hi {
			last.hi = s.hi
			return
		}
	}
	q.push(s)
}

// unshift puts a span before all others.
func (q *queue) unshift(s span) { q.front = append(q.front, s) }

// first returns the first span of a batch that lives, or nil. The spans of dead
// batches before it are dropped: their items have been accounted for when the
// batch died.
func (q *queue) first() *span {
	for len(q.front) > 0 {
		if s := &q.front[len(q.front)-1]; s.b.dead == nil && s.lo < s.hi {
			return s
		}
		q.front[len(q.front)-1] = span{}
		q.front = q.front[:len(q.front)-1]
	}
	for q.head < len(q.back) {
		if s := &q.back[q.head]; s.b.dead == nil && s.lo < s.hi {
			return s
		}
		q.back[q.head] = span{}
		q.head++
	}
	q.back, q.head = q.back[:0], 0
	if cap(q.back) > 1<<16 {
		q.back = nil
	}
	return nil
}
