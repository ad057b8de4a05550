package shm

import (
	"errors"
	"sync/atomic"

	"github.com/multiproc/mp/internal/sys"
)

// Reap looks for processes that have died, and settles what they had: their
// references, their units, and those who wait for their locks. Any process may,
// at any time; who sees a child end should. If another one is at it, that one looks
// once more when it has finished.
func (a *Arena) Reap() {
	for a.anyDead() {
		lock := a.settleLock()
		if ok, _ := lock.Try(); !ok {
			return
		}
		whole := a.settleAll()
		lock.ReleaseOwn()
		if !whole {
			return
		}
	}
}

// reapSoon is Reap for those who have something else to wait for.
func (a *Arena) reapSoon() {
	if a.anyDead() && a.reaping.CompareAndSwap(false, true) {
		go func() {
			defer a.reaping.Store(false)
			a.Reap()
		}()
	}
}

func (a *Arena) slots() uint32 { return min(a.load(offSlotsTop), maxSlots) }

func (a *Arena) anyDead() bool {
	for slot := uint32(1); slot < a.slots(); slot++ {
		if a.dead(slot) {
			return true
		}
	}
	return false
}

// dead says that the process of a slot has ended and has not been settled.
func (a *Arena) dead(slot uint32) bool {
	return a.load(slotAt(slot)+slotKeeper)&sys.FutexOwnerDied != 0
}

// settleAll gives back what dead processes have left, but for those whose ledgers
// have been overwritten: whole says that there are none. If this process dies in
// the middle, another one goes on. The caller has the lock over settling.
func (a *Arena) settleAll() (whole bool) {
	whole = true
	for slot := uint32(1); slot < a.slots(); slot++ {
		keeper := a.load(slotAt(slot) + slotKeeper)
		if keeper&sys.FutexOwnerDied == 0 {
			continue
		}
		if err := a.empty(slot, a.load(slotAt(slot)+slotLeft) != 0); err != nil {
			whole = false
			continue
		}
		// The generation first, for the locks of the dead; then the slot, which is not a
		// matter of the journal, since whoever takes a slot does that outside of it.
		if err := a.Transact(func(t *Tx) error {
			t.Add(slotAt(slot)+slotGeneration, 1)
			t.Store(slotAt(slot)+slotLeft, 0)
			return nil
		}); err != nil {
			whole = false
			continue
		}
		atomic.CompareAndSwapUint32(a.word(slotAt(slot)+slotKeeper), keeper, 0)
	}
	return whole
}

// empty goes through a slot's ledger, from the end.
func (a *Arena) empty(slot uint32, orderly bool) error {
	for {
		var dying uint32
		more := false
		if err := a.Transact(func(t *Tx) error {
			entry := t.lastEntry(slot)
			if more = entry != 0; more {
				r, err := t.release(slot, entry, orderly)
				if dying = r.dying; r.again {
					dying = 0 // it is the last entry now
				}
				return err
			}
			return nil
		}); errors.Is(err, ErrDamaged) {
			// That object stays, whatever is left of it; what else the process had does not.
			if err := a.forget(slot); err != nil {
				return err
			}
			continue
		} else if err != nil || !more {
			return err
		}
		if dying == 0 {
			continue
		}
		if err := a.punchExtent(dying); err != nil {
			return err
		}
		if err := a.Transact(func(t *Tx) error {
			t.removeEntry(slot, t.lastEntry(slot))
			t.freeExtent(dying)
			return nil
		}); err != nil {
			return err
		}
	}
}

// forget takes the last entry out of a slot's ledger, without giving anything back.
func (a *Arena) forget(slot uint32) error {
	return a.Transact(func(t *Tx) error {
		t.removeEntry(slot, t.lastEntry(slot))
		return nil
	})
}

// Leave is for the end of a process in good order: nobody takes it for dead, and it
// gets no shared objects any more. What it has is given up when it has ended, by whoever
// notices that, for other goroutines may be in the middle of anything until then.
func Leave() {
	a := Mapped()
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left {
		return
	}
	a.left = true
	for a.burying > 0 { // they have entries in the ledger
		a.buried.Wait()
	}
	for _, o := range a.objects {
		o.handles = 0
	}
	clear(a.objects)
	atomic.StoreUint32(a.word(slotAt(a.slot)+slotLeft), 1)
}
