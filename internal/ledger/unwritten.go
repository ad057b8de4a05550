package ledger

import (
	"errors"
	"sync/atomic"
)

// ErrTorn says that the outbox cannot be read: its owner was emptying it just
// then, or has written nonsense into it.
var ErrTorn = errors.New("the ledger does not add up")

// Unwritten is what stands in an outbox.
type Unwritten struct {
	Frames []byte // whole frames
	Open   *Part  // the frame under construction, nil if there is none
}

// Part is a result frame under construction.
type Part struct {
	First   uint64 // number of its first item
	Count   int    // how many results are complete
	Item    int    // size of each; 0: of any size, encoded one after the other
	Payload []byte // the results; with Item 0 it may end with one more than Count
}

// Unwritten copies what stands in the outbox. The parent calls it when the
// worker is dead, or has not moved for a while: then it fetches results that
// wait behind a long item. If the worker moves meanwhile the result is ErrTorn,
// and nothing is lost by trying later.
//
// limit bounds the items counted as done. For a dead worker it is math.MaxUint64.
// For a live one it is what Done was some milliseconds ago: on processors that
// may show Done before the result that it counts, the result has come by now.
func (l *Ledger) Unwritten(limit uint64) (Unwritten, error) {
	var u Unwritten
	writes := atomic.LoadUint64(l.writes)
	closed := atomic.LoadUint64(l.closed)
	open := atomic.LoadUint64(l.open)
	done := min(atomic.LoadUint64(l.done), limit)
	box := l.Outbox()
	if closed > uint64(len(box)) {
		return u, ErrTorn
	}
	u.Frames = append([]byte(nil), box[:closed]...)
	if open != 0 {
		part, err := l.part(done)
		if err != nil {
			return Unwritten{}, err
		}
		u.Open = part
	}
	if atomic.LoadUint64(l.writes) != writes || atomic.LoadUint64(l.closed) != closed || atomic.LoadUint64(l.open) != open {
		return Unwritten{}, ErrTorn
	}
	return u, nil
}

// part copies the frame under construction.
func (l *Ledger) part(done uint64) (*Part, error) {
	box := l.Outbox()
	first, payload := atomic.LoadUint64(l.first), atomic.LoadUint64(l.payload)
	end, item := atomic.LoadUint64(l.end), atomic.LoadUint64(l.item)
	if done < first || done-first > OutboxSize || payload > uint64(len(box)) || item > OutboxSize {
		return nil, ErrTorn
	}
	count := done - first
	if item > 0 {
		end = payload + count*item
	}
	if end < payload || end > uint64(len(box)) {
		return nil, ErrTorn
	}
	return &Part{
		First:   first,
		Count:   int(count),
		Item:    int(item),
		Payload: append([]byte(nil), box[payload:end]...),
	}, nil
}
