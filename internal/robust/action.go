package robust

import "github.com/multiproc/mp/internal/shm"

// The memory of a barrier that has an action. Behind the head are the cells of the
// objects that the action's argument refers to, and the argument at the end.
const (
	ActionTask   = 0 // u32: its number
	actionHeld   = 4 // u32: how many objects the barrier holds for it
	ActionLength = 8 // u32: of the argument, in bytes
	actionCells  = 12
)

// ActionHead returns how much memory precedes the argument of an action that refers
// to n objects.
func ActionHead(n int) int { return actionCells + 4*n }

// HoldForAction makes a barrier keep objects for as long as it exists.
func HoldForAction(o *shm.Object, objects []*shm.Object) error {
	for _, held := range objects {
		if err := o.Units(func(t *shm.Tx, _ uint64) error {
			mem := t.Load64(o.At() + shm.CellMemory)
			n := t.Add(mem+actionHeld, 1)
			t.Store(mem+actionCells+4*uint64(n-1), held.Index())
			t.Ref(held.Index())
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func init() {
	shm.OnLast(KindBarrier, func(t *shm.Tx, c uint32) (dying uint32, more bool) {
		if t.Load64(t.At(c)+shm.CellSize) == 0 {
			return 0, false
		}
		mem := t.Load64(t.At(c) + shm.CellMemory)
		n := t.Load(mem + actionHeld)
		if n == 0 {
			return 0, false
		}
		dying, more = t.DropRef(t.Load(mem + actionCells + 4*uint64(n-1)))
		if !more { // otherwise it has more pieces
			t.Store(mem+actionHeld, n-1)
		}
		return dying, true
	})
}
