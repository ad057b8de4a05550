package fifo

import "github.com/multiproc/mp/internal/shm"

// A pipe is a queue between two ends, each an object of its own that holds the
// queue. When the last process has given up an end, in whatever way, those at the
// other are told, before the end goes. If it was the one that takes, what is in the
// queue goes too: nobody can have it any more, and the other end may stay for long.

func init() {
	shm.OnLast(KindSender, func(t *shm.Tx, c uint32) (uint32, bool) { return leaveEnd(t, c, statePutters) })
	shm.OnLast(KindTaker, func(t *shm.Tx, c uint32) (uint32, bool) { return leaveEnd(t, c, stateTakers) })
}

// leaveEnd is called while the last reference to an end goes, once for each step. If
// that of the other end has gone already the queue is taken apart.
//
// That nobody takes any more stands in the state before the first item goes, and who
// puts one that refers to something looks at the state in the transaction that makes
// the item: so none comes behind the last one that has gone. Whoever dies between two
// steps has the reference still, and who settles that goes on.
func leaveEnd(t *shm.Tx, end uint32, gone uint32) (dying uint32, more bool) {
	queue := t.Load(t.At(end) + shm.CellLink)
	if t.Load(t.At(queue)+shm.CellRefs) == 1 {
		return Drain(t, queue)
	}
	control, _ := t.Piece(queue, KindQueue)
	state := t.Load(control + offState)
	if state&gone == 0 {
		t.Store(control+offState, state|gone)
		t.Ring(control+offTakers, bellRing)
		t.Ring(control+offPutters, bellRing)
		// A step of its own, for pipes may be deep in the messages of others: one
		// transaction has no room for a store in each.
		return 0, gone == stateTakers
	}
	if gone == stateTakers {
		return drain(t, queue, true)
	}
	return 0, false
}

// The bounds of a pipe.
const (
	pipeItems = 1024
	pipeBytes = 4 << 20
)

// NewPipe makes a pipe, and returns its two ends.
func NewPipe(a *shm.Arena) (taker, sender *shm.Object, err error) {
	q, err := New(a, Config{Kind: KindQueue, Capacity: pipeItems, Bytes: pipeBytes})
	if err != nil {
		return nil, nil, err
	}
	defer q.Drop() // the ends hold it
	if taker, err = a.NewEnd(KindTaker, q); err != nil {
		return nil, nil, err
	}
	if sender, err = a.NewEnd(KindSender, q); err != nil {
		_ = taker.Drop()
		return nil, nil, err
	}
	return taker, sender, nil
}

// OpenEnd returns the view of a pipe's queue through a handle that is to be bound to
// one of its ends.
func OpenEnd(h *shm.Handle, end *shm.Object) (q *Queue, err error) {
	defer shm.Catch(&err)
	return open(h, end.Arena(), *end.Word(shm.CellLink))
}
