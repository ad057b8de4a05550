package workloads

import (
	"context"
	"sync/atomic"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

// ringSlots is how many messages a ring has room for.
const ringSlots = 4

// A Ring carries large messages at the least expense: one process copies each into
// shared memory, the other copies it out, both at the same time.
type Ring struct {
	Slots *mp.RawArray[byte]
	// Turns has a word for each slot: how often it has been filled, and emptied.
	Turns *mp.RawValue[[ringSlots]uint32]
}

// at returns the slot of the i-th message, its word, and what that is when the slot
// is to be filled.
func at(slots []byte, turns *[ringSlots]uint32, i int) (slot []byte, word *uint32, turn uint32) {
	s := i % ringSlots
	return slots[s*mebibyte : (s+1)*mebibyte], &turns[s], uint32(i / ringSlots * 2)
}

// turn says that a slot's next one is due, and wakes who waits for that.
func turn(word *uint32) {
	atomic.AddUint32(word, 1)
	wake(word)
}

// emptyLocally is the receiver's side. It ends with its context.
func emptyLocally(ctx context.Context, r Ring) error {
	slots, release := r.Slots.Slice()
	defer release()
	turns, releaseTurns := r.Turns.Ptr()
	defer releaseTurns()
	buf := make([]byte, mebibyte)
	for i := 0; ; i++ {
		slot, word, filling := at(slots, turns, i)
		if err := until(ctx, word, filling+1); err != nil {
			return err
		}
		copy(buf, slot)
		turn(word)
		if err := checkMessage(buf, i); err != nil {
			return err
		}
	}
}

// ringLimit measures the ring, as the figure of that name.
func ringLimit(name string) bench.Measure {
	return func(ctx context.Context, p bench.Params) (values bench.Values, err error) {
		var r Ring
		if r.Slots, err = mp.NewRawArray[byte](ringSlots * mebibyte); err != nil {
			return nil, err
		}
		defer r.Slots.Close()
		if r.Turns, err = mp.NewRawValue([ringSlots]uint32{}); err != nil {
			return nil, err
		}
		defer r.Turns.Close()
		slots, release := r.Slots.Slice()
		defer release()
		turns, releaseTurns := r.Turns.Ptr()
		defer releaseTurns()
		crew := newCrew(ctx)
		defer func() { err = crew.dismiss(err) }()
		if err := crew.hire(empty.With(r)); err != nil {
			return nil, err
		}
		sent := 0
		return bulk(p, name, func(n int) (int, error) {
			for end := sent + n; sent < end; sent++ {
				slot, word, filling := at(slots, turns, sent)
				if err := until(crew.ctx, word, filling); err != nil {
					return 0, err
				}
				copy(slot, message(sent))
				turn(word)
			}
			for i := range ringSlots { // until all are empty
				_, word, filling := at(slots, turns, sent+i)
				if err := until(crew.ctx, word, filling); err != nil {
					return 0, err
				}
			}
			return n, nil
		})
	}
}
