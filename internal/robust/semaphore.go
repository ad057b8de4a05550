package robust

import (
	"context"
	"errors"
	"math"
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/sys"
)

// ErrReleasedTooOften is returned for a release that has no place in the count.
var ErrReleasedTooOften = errors.New("has been released too often")

// The word of a semaphore is its count, with a bit that says that somebody may be
// asleep on the word. A waiter sleeps while it is that bit alone. A release wakes
// one of them, if there is the bit; when it finds nobody the bit goes. Since that
// may just then be wrong, one that has slept sets it again when it takes its unit,
// and if there are more wakes another one, as does one that leaves without. What a
// killed waiter has left undone of that others make up for, who look for
// themselves every 50 ms.
const (
	semaphoreWaiters = 1 << 31
	semaphoreCount   = semaphoreWaiters - 1
)

// MaxSemaphore is the largest count.
const MaxSemaphore = math.MaxInt32

// A Semaphore is how the word of one sort of semaphore is changed.
type Semaphore struct {
	change func(o *shm.Object, by step) (before, after uint32, err error)
}

// A step is a change of a semaphore's word. most is the largest count.
type step func(w, most uint32) (next uint32, err error)

// Plain is a count that all share. The units of a process that dies are gone.
var Plain = Semaphore{changePlain}

func semaphoreWord(o *shm.Object) *uint32 { return o.Word(shm.CellBody) }

func changePlain(o *shm.Object, by step) (before, after uint32, err error) {
	word := semaphoreWord(o)
	for {
		w := atomic.LoadUint32(word)
		next, err := by(w, MaxSemaphore)
		if err != nil || next == w || atomic.CompareAndSwapUint32(word, w, next) {
			return w, next, err
		}
	}
}

// take takes a unit if there is one.
func take(w, _ uint32) (uint32, error) {
	if w&semaphoreCount == 0 {
		return w, nil
	}
	return w - 1, nil
}

// takeOrMark is take by one who will wait if there is none.
func takeOrMark(w, most uint32) (uint32, error) {
	if w&semaphoreCount == 0 {
		return semaphoreWaiters, nil
	}
	return w - 1, nil
}

// takeAndMark is take by one who has slept: others may sleep still.
func takeAndMark(w, most uint32) (uint32, error) {
	next, err := takeOrMark(w, most)
	return next | semaphoreWaiters, err
}

func give(w, most uint32) (uint32, error) {
	if w&semaphoreCount >= most {
		return w, ErrReleasedTooOften
	}
	return w + 1, nil
}

func taken(before, after uint32) bool { return after&semaphoreCount < before&semaphoreCount }

// TryAcquire takes a unit if there is one.
func (s Semaphore) TryAcquire(h *shm.Handle) (bool, error) {
	if err := h.Enter(); err != nil {
		return false, err
	}
	defer h.Exit()
	before, after, err := s.change(h.Object(), take)
	h.Object().Acquired()
	return err == nil && taken(before, after), err
}

// Acquire waits for a unit and takes it. An error means that it has none.
func (s Semaphore) Acquire(ctx context.Context, h *shm.Handle) error {
	if err := h.Enter(); err != nil {
		return err
	}
	defer h.Exit()
	if err := ctx.Err(); err != nil {
		return err
	}
	o, by := h.Object(), step(takeOrMark)
	var ended error // why not to wait any longer
	for slept := false; ; slept = true {
		before, after, err := s.change(o, by)
		if err != nil {
			return err
		}
		if taken(before, after) {
			if slept && after&semaphoreCount > 0 {
				s.wake(o, after)
			}
			o.Acquired()
			return nil
		}
		if ended != nil {
			return ended
		}
		_, ended = h.Wait(ctx, semaphoreWord(o), semaphoreWaiters)
		if errors.Is(ended, shm.ErrClosed) {
			s.passOn(o)
			return ended
		}
		by = takeAndMark
	}
}

// Release gives a unit back, or another one.
func (s Semaphore) Release(h *shm.Handle) error {
	if err := h.Enter(); err != nil {
		return err
	}
	defer h.Exit()
	h.Object().Released()
	before, after, err := s.change(h.Object(), give)
	if err == nil && before&semaphoreWaiters != 0 {
		s.wake(h.Object(), after)
	}
	return err
}

// wake wakes one waiter. seen is what the word was made.
func (s Semaphore) wake(o *shm.Object, seen uint32) {
	if sys.FutexWake(semaphoreWord(o), 1) > 0 {
		return
	}
	_, _, _ = s.change(o, func(w, _ uint32) (uint32, error) {
		if w == seen && w&semaphoreCount > 0 {
			w &^= semaphoreWaiters
		}
		return w, nil
	})
}

// passOn is called by a waiter that leaves without a unit: the wake-up that it may
// have had is another's.
func (s Semaphore) passOn(o *shm.Object) {
	if atomic.LoadUint32(semaphoreWord(o))&semaphoreCount > 0 {
		shm.Wake(semaphoreWord(o), 1)
	}
}

// SemaphoreValue returns the count; that of a closed handle is 0.
func SemaphoreValue(h *shm.Handle) int {
	if h.Enter() != nil {
		return 0
	}
	defer h.Exit()
	return int(atomic.LoadUint32(semaphoreWord(h.Object())) & semaphoreCount)
}

// NewSemaphore returns the Init of a semaphore.
func NewSemaphore(n uint32) func(t *shm.Tx, at uint64) {
	return func(t *shm.Tx, at uint64) {
		t.Store(at+shm.CellBody, n)
		t.Store(at+boundedMost, n)
	}
}
