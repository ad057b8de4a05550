package mp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/task"
)

// A barrierAction is what the last party of each round runs. It lies in the memory
// of the barrier, so that any process can run it: the number of its task, the number
// of the objects that its argument refers to, which the barrier holds, the length of
// the argument, 32 bits each, then the cells of those objects, likewise, and the
// argument.
type barrierAction struct {
	def *task.Def
	arg []byte
}

// createWith makes a barrier that has an action.
func (b *Barrier) createWith(call AnyCall, spec shm.Spec) error {
	if call == nil || call.call() == nil {
		return errors.New("mp: NewBarrier: the action is no call; make it with the method With of a task")
	}
	bound := call.call()
	if err := ready("mp: NewBarrier"); err != nil {
		return err
	}
	arg, luggage, err := bound.AppendArg(nil)
	if err != nil {
		return err
	}
	defer luggage.Drop() // the barrier holds them then
	b.action = &barrierAction{bound.Def, arg}
	head := robust.ActionHead(len(luggage))
	spec.Size = uint64(head + len(arg))
	if err := create(b, "NewBarrier", spec); err != nil {
		return err
	}
	if err := robust.HoldForAction(b.h.Object(), luggage); err != nil {
		_ = b.h.Close()
		return fmt.Errorf("mp: NewBarrier: %w", err)
	}
	mem := items[byte](b.h.Object(), spec.Size)
	binary.NativeEndian.PutUint32(mem[robust.ActionTask:], uint32(bound.Def.Index()))
	binary.NativeEndian.PutUint32(mem[robust.ActionLength:], uint32(len(arg)))
	copy(mem[head:], arg)
	return nil
}

var errNoAction = errors.New("the action of the barrier has been overwritten")

// openAction reads the action of a barrier that has come from another process; nil:
// there is none.
func openAction(o *shm.Object) (*barrierAction, error) {
	_, size := o.Memory()
	if size == 0 {
		return nil, nil
	}
	mem := items[byte](o, size)
	if len(mem) < robust.ActionHead(0) {
		return nil, errNoAction
	}
	word := func(at int) uint64 { return uint64(binary.NativeEndian.Uint32(mem[at:])) }
	length := word(robust.ActionLength)
	if length == 0 || length > size-uint64(robust.ActionHead(0)) {
		return nil, errNoAction
	}
	def, err := task.Lookup(int(word(robust.ActionTask)))
	if err != nil {
		return nil, err
	}
	return &barrierAction{def, slices.Clone(mem[size-length:])}, nil
}

func (a *barrierAction) run(ctx context.Context, finish func(err error)) {
	a.def.Once(ctx, a.arg, task.Custody{}, func(_ []byte, err error) { finish(err) })
}
