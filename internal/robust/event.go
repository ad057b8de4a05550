package robust

import (
	"context"
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// An event is one word: the flag, whether somebody may be asleep on the word, and
// above them how often the flag has been set. A waiter looks for that count to
// change, so it does not miss a flag that is cleared again at once. Since all is in
// one word, who sets the flag learns in the same instruction whether there is
// anybody to wake, and whether a waiter is killed makes no difference: a bit that
// it leaves costs the next Set a system call. If who has set the flag is killed
// before it wakes anybody, they look for themselves, every 50 ms.
const (
	eventFlag    = 1
	eventWaiters = 2
	eventOnce    = 4 // one Set
)

func eventWord(h *shm.Handle) *uint32 { return h.Object().Word(shm.CellBody) }

// SetEvent sets the flag, and wakes those who wait.
func SetEvent(h *shm.Handle) error {
	if err := h.Enter(); err != nil {
		return err
	}
	defer h.Exit()
	h.Object().Released()
	word := eventWord(h)
	for {
		w := atomic.LoadUint32(word)
		if w&eventFlag != 0 {
			return nil
		}
		if atomic.CompareAndSwapUint32(word, w, (w&^eventWaiters+eventOnce)|eventFlag) {
			if w&eventWaiters != 0 {
				shm.WakeAll(word)
			}
			return nil
		}
	}
}

// ClearEvent clears the flag. While it is set nobody waits, so nobody is forgotten.
func ClearEvent(h *shm.Handle) error {
	if err := h.Enter(); err != nil {
		return err
	}
	defer h.Exit()
	atomic.AndUint32(eventWord(h), ^uint32(eventFlag))
	return nil
}

// EventIsSet says whether the flag is set. That of a closed handle is not.
func EventIsSet(h *shm.Handle) bool {
	if h.Enter() != nil {
		return false
	}
	defer h.Exit()
	set := atomic.LoadUint32(eventWord(h))&eventFlag != 0
	h.Object().Acquired()
	return set
}

// WaitEvent waits for the flag to be set.
func WaitEvent(ctx context.Context, h *shm.Handle) error {
	if err := h.Enter(); err != nil {
		return err
	}
	defer h.Exit()
	if err := ctx.Err(); err != nil {
		return err
	}
	word := eventWord(h)
	first := atomic.LoadUint32(word)
	var ended error // why not to wait any longer
	for w := first; ; w = atomic.LoadUint32(word) {
		if w&eventFlag != 0 || w/eventOnce != first/eventOnce {
			h.Object().Acquired()
			return nil
		}
		if ended != nil {
			return ended
		}
		if w&eventWaiters != 0 || atomic.CompareAndSwapUint32(word, w, w|eventWaiters) {
			_, ended = h.Wait(ctx, word, w|eventWaiters)
		}
	}
}
