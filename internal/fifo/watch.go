package fifo

import "github.com/multiproc/mp/internal/shm"

// Who waits for several queues, or for other things besides, waits here, in steps:
// Listen, then Ready, then a sleep on the word if it is not, and PassOn at the end. All
// that inside the handle, as in Take.

// Ready says whether Take would not wait: there is something to take, or nothing will
// ever be.
func (q *Queue) Ready() bool { return !q.empty() }

// Listen has whoever puts something wake those who sleep on the word. What comes before
// Ready has been asked does not.
func (q *Queue) Listen() shm.Word { return shm.Word{At: q.takers.word, Expect: q.takers.arm()} }

// PassOn wakes another one, if there is something to take. An item wakes only one of
// those who wait; one who has waited without taking it owes that to the others.
func (q *Queue) PassOn() {
	q.takers.arm() // one who has been rung for may be the only one who knows of others
	if !q.empty() {
		q.takers.ring()
	}
}
