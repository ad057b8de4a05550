package robust

import (
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// An EventWatch is one who waits for an event and for other things besides: Listen,
// then Set, then a sleep on the word if it is not.
type EventWatch struct {
	h     *shm.Handle
	first uint32 // the word when the wait began
}

// WatchEvent begins to wait. The caller is inside the handle until it ends.
func WatchEvent(h *shm.Handle) EventWatch {
	return EventWatch{h, atomic.LoadUint32(eventWord(h))}
}

// Set says whether the event is set, or has been since the wait began.
func (e EventWatch) Set() bool {
	w := atomic.LoadUint32(eventWord(e.h))
	if w&eventFlag == 0 && w/eventOnce == e.first/eventOnce {
		return false
	}
	e.h.Object().Acquired()
	return true
}

// Listen has whoever sets the event wake those who sleep on the word.
func (e EventWatch) Listen() shm.Word {
	word := eventWord(e.h)
	for {
		w := atomic.LoadUint32(word)
		if w&eventWaiters != 0 || atomic.CompareAndSwapUint32(word, w, w|eventWaiters) {
			return shm.Word{At: word, Expect: w | eventWaiters}
		}
	}
}
