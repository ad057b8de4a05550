package fifo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// ErrNotTaken is returned by Done when the process has not taken so many items.
var ErrNotTaken = errors.New("was called more often than items were taken by this process")

// A LostError says that items were taken by processes that ended before they had
// said that they were done with them.
type LostError struct{ N int }

func (e *LostError) Error() string {
	if e.N == 1 {
		return "1 item was taken by a process that ended before it was done with it"
	}
	return fmt.Sprintf("%d items were taken by processes that ended before they were done with them", e.N)
}

func init() {
	shm.OnDeparture(KindQueue, func(t *shm.Tx, d shm.Departure) {
		if d.Units > 0 {
			control, _ := t.Piece(d.Cell, KindQueue)
			t.Add(control+offLost, int(d.Units))
			done(t, control, d.Units)
		}
	})
}

// done notes that n items are done with.
func done(t *shm.Tx, control uint64, n uint32) {
	if t.Add(control+offDone, int(n)) == items(t.Load64(control+offTail)) {
		t.Add(control+offJoiners, 1)
		t.Wake(control + offJoiners)
	}
}

// Done says that the process is done with an item that it has taken from a joinable
// queue.
func (q *Queue) Done() error {
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	return q.h.Object().Units(func(t *shm.Tx, units uint64) error {
		if t.Load(units) == 0 {
			return ErrNotTaken
		}
		t.Add(units, -1)
		done(t, q.control, 1)
		return nil
	})
}

// Join waits until all items that have been put are done with. If some were lost it
// returns a *LostError.
func (q *Queue) Join(ctx context.Context) (err error) {
	defer shm.Catch(&err)
	if err := q.h.Enter(); err != nil {
		return err
	}
	defer q.h.Exit()
	joiners := q.arena.U32(q.control + offJoiners)
	for {
		seen := atomic.LoadUint32(joiners)
		if atomic.LoadUint32(q.state)&stateDropped != 0 && q.Len() > 0 {
			if err := q.dropLocked(ctx); err != nil {
				return err
			}
		}
		if q.undone() == 0 {
			if lost := atomic.LoadUint32(q.arena.U32(q.control + offLost)); lost > 0 {
				return &LostError{int(lost)}
			}
			return ctx.Err()
		}
		if _, err := q.h.Wait(ctx, joiners, seen); err != nil {
			return err
		}
	}
}

// undone returns how many items are not done with. It looks at the tail last: with
// what is done first, zero says that all was done when it looked at the tail. The other
// way round an item that somebody puts and then says to be done with another one, as
// crawlers do, would count as done itself.
func (q *Queue) undone() uint32 {
	done := atomic.LoadUint32(q.arena.U32(q.control + offDone))
	return items(atomic.LoadUint64(q.tail)) - done
}
