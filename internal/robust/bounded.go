package robust

import (
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// boundedMost is where a bounded semaphore has its initial count, which it never
// exceeds.
const boundedMost = shm.CellBody + 4

// Bounded is a count of permits: how many each process has stands in its ledger,
// and those that a process does not give back come back when it dies. What is free
// and what the processes have is together always the initial count, for each change
// is one transaction.
var Bounded = Semaphore{changeBounded}

func changeBounded(o *shm.Object, by step) (before, after uint32, err error) {
	most := atomic.LoadUint32(o.Word(boundedMost))
	at := o.At() + shm.CellBody
	err = o.Units(func(t *shm.Tx, units uint64) (err error) {
		before = t.Load(at)
		if after, err = by(before, most); err != nil || after == before {
			return err
		}
		t.Store(at, after)
		switch {
		case taken(before, after):
			t.Add(units, 1)
		case taken(after, before): // not taken but given
			takeFrom(t, o.Index(), units)
		}
		return nil
	})
	return before, after, err
}

// takeFrom takes a permit from this process or, if it has none, from another one
// that has.
func takeFrom(t *shm.Tx, c uint32, units uint64) {
	if t.Load(units) > 0 {
		t.Add(units, -1)
		return
	}
	t.Holders(c, func(_ uint32, units uint64) bool {
		if t.Load(units) == 0 {
			return true
		}
		t.Add(units, -1)
		return false
	})
}

func init() {
	shm.OnDeparture(KindBounded, func(t *shm.Tx, d shm.Departure) {
		if d.Units == 0 {
			return
		}
		at := d.At + shm.CellBody
		w, most := t.Load(at), t.Load(d.At+boundedMost)
		count := min(uint64(w&semaphoreCount)+uint64(d.Units), uint64(most&semaphoreCount))
		t.Store(at, w&semaphoreWaiters|uint32(count))
		t.Wake(at)
	})
}
