package shm

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/multiproc/mp/internal/sys"
)

// A lock is a word: who has it, and whether somebody may be asleep on it. The
// owner is a process: its slot, and the generation of the slot, so that a lock
// whose holder has died is seen by one look at the slot, from any process, and a
// slot's next process is not taken for the one before.
const (
	slotBits       = 12
	generationBits = 19
	generationMask = 1<<generationBits - 1
	waitersBit     = 1 << 31
	ownerMask      = waitersBit - 1
)

// flagOwnerDied, in a lock's flags, stays from a takeover until somebody says that
// what the lock protects is in order again. The others are the users'.
const (
	flagOwnerDied = 1
	FirstFlag     = 2
)

// spins is how often a lock is looked at before its waiter goes to sleep: about as
// long as a wake-up takes.
const spins = 100

// A LockWord is a view of a robust lock in the arena. It does not know goroutines:
// two of one process exclude each other.
type LockWord struct {
	a     *Arena
	word  *uint32
	flags *uint32
	// internal: one of the arena's own, which those who settle the dead need.
	internal bool
}

// LockWord returns the lock in the object's cell.
func (o *Object) LockWord() LockWord {
	return LockWord{a: o.arena, word: o.lock, flags: o.Word(CellFlags)}
}

// TryLock takes the object's lock if it is free and nobody waits for it: the usual
// case, in one instruction. False says nothing.
func (h *Handle) TryLock() bool {
	if h == nil || h.o == nil || !atomic.CompareAndSwapUint32(h.o.lock, 0, h.o.self) {
		return false
	}
	h.o.Acquired()
	return h.Keep()
}

// Keep is called by who has taken the object's lock, and says whether the handle is
// open still. Otherwise the lock is given back; that it was taken may have kept
// Close from giving up the object.
func (h *Handle) Keep() bool {
	if !h.Closed() {
		return true
	}
	h.o.LockWord().ReleaseOwn()
	h.giveBack(0)
	return false
}

// TryUnlock gives the object's lock back if this process has it and nobody waits.
// False says nothing.
func (h *Handle) TryUnlock() bool {
	if raceEnabled && h != nil && h.o != nil {
		h.o.Released()
	}
	return h != nil && h.o != nil && !h.o.Gone() && atomic.CompareAndSwapUint32(h.o.lock, h.o.self, 0)
}

// Process is a number that tells this process from others of the family. Its low
// bits are zero.
func (o *Object) Process() uint64 { return uint64(o.self) << 33 }

// OwnedHere says whether this process has the object's lock.
func (o *Object) OwnedHere() bool { return atomic.LoadUint32(o.lock)&ownerMask == o.self }

func (a *Arena) metaLock() LockWord {
	return LockWord{a, a.word(offLock), a.word(offLock + 4), true}
}

func (a *Arena) settleLock() LockWord {
	return LockWord{a, a.word(offSettle), a.word(offSettle + 4), true}
}

// Try takes the lock if nobody alive has it. repair says that its last holder has
// died with it.
func (l LockWord) Try() (ok, repair bool) {
	if atomic.CompareAndSwapUint32(l.word, 0, l.a.self) {
		return true, false
	}
	return l.try(0)
}

// try is Try with the waiters bit to be set, by one who has been asleep: others
// may be asleep still.
func (l LockWord) try(bit uint32) (ok, repair bool) {
	for {
		w := atomic.LoadUint32(l.word)
		owner := w & ownerMask
		if owner != 0 && l.a.Alive(owner) {
			return false, false
		}
		if atomic.CompareAndSwapUint32(l.word, w, l.a.self|w&waitersBit|bit) {
			if owner != 0 {
				atomic.OrUint32(l.flags, flagOwnerDied)
			}
			return true, owner != 0
		}
	}
}

// Acquire takes the lock. It returns ctx.Err() without it if ctx ends before, and
// ErrClosed soon after giveUp, unless it is nil, returns true.
func (l LockWord) Acquire(ctx context.Context, giveUp func() bool) (repair bool, err error) {
	if ok, repair := l.Try(); ok {
		return repair, nil
	}
	if ok, repair := l.spin(); ok {
		return repair, nil
	}
	var bit uint32
	for {
		if ok, repair := l.try(bit); ok {
			return repair, nil
		}
		w := atomic.LoadUint32(l.word)
		if w&ownerMask == 0 || w&waitersBit == 0 && !atomic.CompareAndSwapUint32(l.word, w, w|waitersBit) {
			continue
		}
		end, err := l.a.wait(ctx, l.word, w|waitersBit, giveUp)
		if err != nil {
			l.passOn()
			return false, err
		}
		if end == endTimedOut && !l.internal {
			l.a.reapSoon()
		}
		bit = waitersBit
	}
}

// spin looks for the lock to become free for a moment, if its holder can run
// meanwhile.
func (l LockWord) spin() (ok, repair bool) {
	if !manyCPUs {
		return false, false
	}
	for range spins {
		pause()
		if w := atomic.LoadUint32(l.word); w&ownerMask == 0 && atomic.CompareAndSwapUint32(l.word, w, w|l.a.self) {
			return true, false
		}
	}
	return false, false
}

var manyCPUs = runtime.NumCPU() > 1

// acquire is Acquire without a context, for locks that are held for moments.
func (l LockWord) acquire() (repair bool) {
	repair, _ = l.Acquire(context.Background(), nil)
	return repair
}

// passOn is called by a waiter that leaves without the lock: the wake-up that it
// may have had is another's.
func (l LockWord) passOn() {
	if atomic.LoadUint32(l.word) == waitersBit {
		l.wake()
	}
}

// Release gives the lock back, and returns false if nobody had it.
func (l LockWord) Release() bool {
	w := atomic.LoadUint32(l.word)
	for {
		if w&ownerMask == 0 {
			return false
		}
		if !l.a.Alive(w & ownerMask) {
			atomic.OrUint32(l.flags, flagOwnerDied)
		}
		if atomic.CompareAndSwapUint32(l.word, w, w&waitersBit) {
			break
		}
		w = atomic.LoadUint32(l.word)
	}
	if w&waitersBit != 0 {
		l.wake()
	}
	return true
}

// ReleaseOwn is Release if this process has the lock. Otherwise it does nothing.
func (l LockWord) ReleaseOwn() {
	for {
		w := atomic.LoadUint32(l.word)
		if w&ownerMask != l.a.self {
			return
		}
		if atomic.CompareAndSwapUint32(l.word, w, w&waitersBit) {
			if w&waitersBit != 0 {
				l.wake()
			}
			return
		}
	}
}

// wake wakes one waiter. The bit goes only when there was none: a waiter that has
// slept sets it again, so one that comes in between is not forgotten.
func (l LockWord) wake() {
	if sys.FutexWake(l.word, 1) == 0 {
		atomic.CompareAndSwapUint32(l.word, waitersBit, 0)
	}
}

// Owner returns who has the lock: 0 if it is free, or its holder dead.
func (l LockWord) Owner() uint32 {
	if owner := atomic.LoadUint32(l.word) & ownerMask; owner != 0 && l.a.Alive(owner) {
		return owner
	}
	return 0
}

// OwnedHere says whether this process has the lock.
func (l LockWord) OwnedHere() bool { return atomic.LoadUint32(l.word)&ownerMask == l.a.self }

// OwnerDied says whether a holder of the lock has died since the last Repaired.
func (l LockWord) OwnerDied() bool {
	owner := atomic.LoadUint32(l.word) & ownerMask
	return atomic.LoadUint32(l.flags)&flagOwnerDied != 0 || owner != 0 && !l.a.Alive(owner)
}

// Repaired says that what the lock protects is in order again.
func (l LockWord) Repaired() { atomic.AndUint32(l.flags, ^uint32(flagOwnerDied)) }
