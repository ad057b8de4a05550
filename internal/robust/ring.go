package robust

import "github.com/multiproc/mp/internal/shm"

// The seats of a condition are in a ring. The condition knows the one that is next.
const (
	ringNext = shm.CellBody     // u32: a seat; 0: there is none
	ringOwed = shm.CellBody + 4 // u32: notifications to be given still

	seatGiven   = shm.CellBody      // u32: notifications it has ever been given; waited for
	seatUsed    = shm.CellBody + 4  // u32: those of them that have been used
	seatWaiting = shm.CellBody + 8  // u32: who waits and has not been notified
	seatOwner   = shm.CellBody + 12 // u32: the process
	seatBefore  = shm.CellBody + 16 // u32
	seatAfter   = shm.CellBody + 20 // u32
)

// atOnce is how many seats one transaction notifies: it has room for as many
// wake-ups.
const atOnce = 8

// mostSeats is more than there can be in a sound ring; an unsound one has no end.
const mostSeats = 1 << 20

// A ring is the ring of the condition at at, in a transaction.
type ring struct {
	t  *shm.Tx
	at uint64
}

// cellAt returns the number of the cell that lies at at.
func cellAt(t *shm.Tx, at uint64) uint32 {
	return 1 + uint32((at-t.At(1))/(t.At(2)-t.At(1)))
}

// insert makes a new seat the last.
func (r ring) insert(s uint32) {
	t, next := r.t, r.t.Load(r.at+ringNext)
	if next == 0 {
		t.Store(t.At(s)+seatBefore, s)
		t.Store(t.At(s)+seatAfter, s)
		t.Store(r.at+ringNext, s)
		return
	}
	last := t.Load(t.At(next) + seatBefore)
	t.Store(t.At(s)+seatBefore, last)
	t.Store(t.At(s)+seatAfter, next)
	t.Store(t.At(last)+seatAfter, s)
	t.Store(t.At(next)+seatBefore, s)
}

func (r ring) remove(s uint32) {
	t := r.t
	before, after := t.Load(t.At(s)+seatBefore), t.Load(t.At(s)+seatAfter)
	if after == s {
		t.Store(r.at+ringNext, 0)
		return
	}
	t.Store(t.At(before)+seatAfter, after)
	t.Store(t.At(after)+seatBefore, before)
	if t.Load(r.at+ringNext) == s {
		t.Store(r.at+ringNext, after)
	}
}

// notify gives n notifications, and those that are owed, to waiters of processes
// that are alive; nil: of all. If there are more than fit into a transaction the
// rest is owed, and it returns true. What there is nobody for is dropped.
func (r ring) notify(n uint32, alive func(owner uint32) bool) (more bool) {
	t := r.t
	first := t.Load(r.at + ringNext)
	if owed := t.Load(r.at + ringOwed); owed > 0 {
		n = min(n+owed, Everybody)
		t.Store(r.at+ringOwed, 0)
	}
	if first == 0 || n == 0 {
		return false
	}
	s, looked := first, 0
	for range atOnce {
		for ; r.waiting(s, alive) == 0; looked++ {
			if s = t.Load(t.At(s) + seatAfter); s == first || looked == mostSeats {
				return false
			}
		}
		at := t.At(s)
		k := min(n, t.Load(at+seatWaiting))
		t.Add(at+seatWaiting, -int(k))
		t.Add(at+seatGiven, int(k))
		t.Wake(at + seatGiven)
		n -= k
		s = t.Load(at + seatAfter)
		t.Store(r.at+ringNext, s)
		if n == 0 || s == first {
			return false
		}
	}
	t.Store(r.at+ringOwed, n)
	return true
}

// waiting returns how many wait in a seat.
func (r ring) waiting(s uint32, alive func(owner uint32) bool) uint32 {
	at := r.t.At(s)
	if r.t.Kind(s) != KindWaiter || alive != nil && !alive(r.t.Load(at+seatOwner)) {
		return 0
	}
	return r.t.Load(at + seatWaiting)
}

func init() {
	shm.OnDeparture(KindWaiter, func(t *shm.Tx, d shm.Departure) {
		r := ring{t, t.At(t.Load(d.At + shm.CellLink))}
		r.remove(d.Cell)
		r.notify(t.Load(d.At+seatGiven)-t.Load(d.At+seatUsed), nil)
	})
}
