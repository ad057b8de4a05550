package mp

import (
	"fmt"
	"reflect"

	"github.com/multiproc/mp/internal/plain"
	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// A RawValue is a Value without a lock. Load and Store of a T of 1, 2, 4 or 8 bytes
// are atomic; of a larger one somebody who loads can see a half of what somebody
// else stores. For atomic arithmetic let T be one of the types of sync/atomic, and
// use it through Ptr.
type RawValue[T any] struct {
	h shm.Handle
	p *T
}

// NewRawValue makes a shared value without a lock. Its errors are those of
// NewValue.
func NewRawValue[T any](initial T) (*RawValue[T], error) {
	if err := plain.Check(reflect.TypeFor[T]()); err != nil {
		return nil, err
	}
	v := new(RawValue[T])
	if err := create(v, "NewRawValue", shm.Spec{Size: rawSize[T]()}); err != nil {
		return nil, err
	}
	storeRaw(v.p, &initial)
	return v, nil
}

func (v *RawValue[T]) shape() (shm.Kind, uint32) {
	return robust.KindRawValue, plain.Hash(reflect.TypeFor[T]())
}

func (v *RawValue[T]) handle() *shm.Handle {
	if v == nil {
		return nil
	}
	return &v.h
}

func (v *RawValue[T]) bind(o *shm.Object) error {
	if err := hasRoom(o, rawSize[T]()); err != nil {
		return err
	}
	v.p = place[T](o)
	shm.Bind(v, &v.h, o)
	return nil
}

// Load returns the value. It panics if the handle is closed, or is none.
func (v *RawValue[T]) Load() T {
	defer enter("RawValue.Load", v.handle()).Exit()
	return loadSmall(v.p)
}

// Store sets the value. It panics if the handle is closed, or is none.
func (v *RawValue[T]) Store(x T) {
	defer enter("RawValue.Store", v.handle()).Exit()
	storeRaw(v.p, &x)
}

// enter keeps the object from being given up until Exit.
func enter(what string, h *shm.Handle) *shm.Handle {
	misused(what, h.Enter())
	return h
}

// Ptr returns where the value is, in the shared memory, and a function to call when
// the pointer is used no more. Until then Close is ErrInUse; if it is never called
// the memory is never used for anything else as long as this process lives. It
// panics if the handle is closed.
func (v *RawValue[T]) Ptr() (p *T, release func()) {
	release, err := v.handle().Pin()
	misused("RawValue.Ptr", err)
	return v.p, release
}

// Close gives up this handle. It returns ErrInUse while the value is pinned through
// it. Closing again does nothing.
func (v *RawValue[T]) Close() error { return misuse("RawValue.Close", v.handle().Close()) }

// String shows the type and the value.
func (v *RawValue[T]) String() string {
	name := "mp.RawValue[" + plain.Name(reflect.TypeFor[T]()) + "]"
	if err := v.handle().Check(); err != nil {
		return name + "(" + err.Error() + ")"
	}
	return fmt.Sprintf("%s(%v)", name, v.Load())
}

// A RawArray is an Array without a lock: who changes items while others read them
// sees to it that they do not meet.
type RawArray[T any] struct {
	h     shm.Handle
	items []T
}

// NewRawArray makes a shared array of n zeros without a lock. Its errors are those
// of NewArray.
func NewRawArray[T any](n int) (*RawArray[T], error) {
	if err := plain.Check(reflect.TypeFor[T]()); err != nil {
		return nil, err
	}
	size, err := arraySize[T]("NewRawArray", n)
	if err != nil {
		return nil, err
	}
	a := new(RawArray[T])
	return made(a, create(a, "NewRawArray", shm.Spec{Size: size, Init: lengthOf(n)}))
}

func (a *RawArray[T]) shape() (shm.Kind, uint32) {
	return robust.KindRawArray, plain.Hash(reflect.TypeFor[T]())
}

func (a *RawArray[T]) handle() *shm.Handle {
	if a == nil {
		return nil
	}
	return &a.h
}

func (a *RawArray[T]) bind(o *shm.Object) error {
	a.items = items[T](o, *o.Wide(shm.CellBody))
	shm.Bind(a, &a.h, o)
	return nil
}

// Len returns the number of items; of a closed handle it is the same.
func (a *RawArray[T]) Len() int {
	if a == nil {
		return 0
	}
	return len(a.items)
}

// At returns item i. It panics if i is out of range, like a slice, or if the handle
// is closed, or is none.
func (a *RawArray[T]) At(i int) T {
	defer enter("RawArray.At", a.handle()).Exit()
	return a.items[i]
}

// Set sets item i. It panics if i is out of range, like a slice, or if the handle
// is closed, or is none.
func (a *RawArray[T]) Set(i int, x T) {
	defer enter("RawArray.Set", a.handle()).Exit()
	a.items[i] = x
}

// Slice returns the items themselves, in the shared memory, and a function to call
// when they are used no more. Until then Close is ErrInUse; if it is never called
// the memory is never used for anything else as long as this process lives. It
// panics if the handle is closed.
func (a *RawArray[T]) Slice() (items []T, release func()) {
	release, err := a.handle().Pin()
	misused("RawArray.Slice", err)
	return a.items[:len(a.items):len(a.items)], release
}

// Close gives up this handle. It returns ErrInUse while items are pinned through
// it. Closing again does nothing.
func (a *RawArray[T]) Close() error { return misuse("RawArray.Close", a.handle().Close()) }

// String shows the type and the length.
func (a *RawArray[T]) String() string {
	name := "mp.RawArray[" + plain.Name(reflect.TypeFor[T]()) + "]"
	if err := a.handle().Check(); err != nil {
		return name + "(" + err.Error() + ")"
	}
	return fmt.Sprintf("%s(%d items)", name, a.Len())
}
