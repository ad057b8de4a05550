package mp

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"

	"github.com/multiproc/mp/internal/plain"
	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// An Array is a row of T in memory that processes share, with a lock: an RLock of
// its own, or the one given by WithLock. T is any type without pointers: numbers,
// bools, arrays and structs of them. Nothing is copied on the way to another
// process.
//
// Make it with NewArray or ArrayOf, after Init, and pass it as, or in, the argument
// of a task. Its memory lives until each process that holds a handle has closed or
// dropped it, or ended; it is then given back to the system.
//
// At, Set, View and Update hold the lock. If a process dies while it changes the
// array, what it has written stays, and OwnerDied says so to the next. After Close
// they panic.
type Array[T any] struct {
	h     shm.Handle
	items []T
	lock  Locker // a handle of its own on the one that was given; nil: the array's own
}

// NewArray makes a shared array of n zeros. It returns an error that names the
// field if T has pointers in it, and one if n is negative; ErrNotInitialized before
// Init; and ErrNoMemory if there is not enough memory, all of which is taken at once.
func NewArray[T any](n int, opts ...Option) (*Array[T], error) {
	if err := plain.Check(reflect.TypeFor[T]()); err != nil {
		return nil, err
	}
	size, err := arraySize[T]("NewArray", n)
	if err != nil {
		return nil, err
	}
	lock, link, err := applyOptions(opts)
	if err != nil {
		return nil, fmt.Errorf("mp: NewArray: %w", err)
	}
	a := &Array[T]{lock: lock}
	if err := create(a, "NewArray", shm.Spec{Size: size, Link: link, Init: lengthOf(n)}); err != nil {
		return nil, errors.Join(err, closeLock(lock))
	}
	return a, nil
}

// ArrayOf makes a shared array with a copy of the items. Its errors are those of
// NewArray.
func ArrayOf[T any](items []T, opts ...Option) (*Array[T], error) {
	a, err := NewArray[T](len(items), opts...)
	if err != nil {
		return nil, err
	}
	copy(a.items, items)
	return a, nil
}

// arraySize returns how many bytes n items take.
func arraySize[T any](what string, n int) (uint64, error) {
	size := uint64(plain.Size(reflect.TypeFor[T]()))
	const most = 1 << 46
	switch {
	case n < 0:
		return 0, fmt.Errorf("mp: %s: a length of %d is out of range", what, n)
	case size > 0 && uint64(n) > most/size:
		return 0, fmt.Errorf("mp: %s: %w: %d items of %d bytes are wanted, and %d TiB is the most", what, ErrNoMemory, n, size, most>>40)
	}
	return size * uint64(n), nil
}

// lengthOf writes the length of an array into its cell.
func lengthOf(n int) func(t *shm.Tx, at uint64) {
	return func(t *shm.Tx, at uint64) { t.Store64(at+shm.CellBody, uint64(n)) }
}

func (a *Array[T]) shape() (shm.Kind, uint32) {
	return robust.KindArray, plain.Hash(reflect.TypeFor[T]())
}

func (a *Array[T]) handle() *shm.Handle {
	if a == nil {
		return nil
	}
	return &a.h
}

func (a *Array[T]) bind(o *shm.Object) error {
	if err := bindLock(&a.lock, o); err != nil {
		return err
	}
	a.items = items[T](o, *o.Wide(shm.CellBody))
	shm.Bind(a, &a.h, o)
	return nil
}

// Len returns the number of items. It needs no lock; of a closed handle it is the
// same.
func (a *Array[T]) Len() int {
	if a == nil {
		return 0
	}
	return len(a.items)
}

// At returns item i. It panics if i is out of range, like a slice.
func (a *Array[T]) At(i int) T {
	a.begin("Array.At")
	defer a.end()
	return a.items[i]
}

// Set sets item i. It panics if i is out of range, like a slice.
func (a *Array[T]) Set(i int, x T) {
	a.begin("Array.Set")
	defer a.end()
	a.items[i] = x
}

// View calls f with the items, which lie in the shared memory, and with the lock
// held. f must neither change nor keep them.
func (a *Array[T]) View(f func(items []T)) {
	a.begin("Array.View")
	defer a.end()
	f(a.whole())
}

// Update calls f with the items, which lie in the shared memory, and with the lock
// held. f must not keep them. If f panics, or the process dies, what it has written
// stays.
func (a *Array[T]) Update(f func(items []T)) {
	a.begin("Array.Update")
	defer a.end()
	f(a.whole())
}

// whole is the slice to give away: append to it cannot reach what lies behind.
func (a *Array[T]) whole() []T { return a.items[:len(a.items):len(a.items)] }

// All goes through the items without the lock held in between: each is read with
// it.
func (a *Array[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i := range a.Len() {
			if !yield(i, a.At(i)) {
				return
			}
		}
	}
}

// Slice returns the items themselves, in the shared memory, and a function to call when
// they are used no more, once or more often. Until then Close is ErrInUse; if it is
// never called the memory is never used for anything else as long as this process
// lives. The lock is the caller's business. It panics if the handle is closed.
func (a *Array[T]) Slice() (items []T, release func()) {
	release, err := a.handle().Pin()
	misused("Array.Slice", err)
	return a.whole(), release
}

func (a *Array[T]) begin(what string) {
	if a == nil || a.lock != nil || !robust.TryLockRecursive(&a.h) {
		a.beginSlow(what)
	}
}

func (a *Array[T]) beginSlow(what string) {
	if a == nil {
		misused(what, shm.ErrNoHandle)
	}
	beginLocked(what, &a.h, a.lock)
}

func (a *Array[T]) end() {
	if a.lock == nil && robust.TryUnlockRecursive(&a.h) {
		return
	}
	misused("Array.Unlock", a.release())
	if a.lock != nil {
		a.h.Exit()
	}
}

func (a *Array[T]) acquire(ctx context.Context) error {
	if a == nil {
		return shm.ErrNoHandle
	}
	return acquireLock(ctx, &a.h, a.lock)
}

func (a *Array[T]) release() error {
	if a == nil {
		return shm.ErrNoHandle
	}
	return releaseLock(&a.h, a.lock)
}

// Close gives up this handle. It returns ErrInUse while items are pinned through
// it, so release those of Slice first; and if it is the process's last handle and the
// process has the lock, or if the process has the lock that was given, so unlock that
// first. Closing again does nothing.
func (a *Array[T]) Close() error {
	if a == nil {
		return nil
	}
	return misuse("Array.Close", closeLocked(&a.h, a.lock))
}

// String shows the type and the length.
func (a *Array[T]) String() string {
	name := "mp.Array[" + plain.Name(reflect.TypeFor[T]()) + "]"
	if err := a.handle().Check(); err != nil {
		return name + "(" + err.Error() + ")"
	}
	return fmt.Sprintf("%s(%d items)", name, a.Len())
}
