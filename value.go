package mp

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/multiproc/mp/internal/plain"
	"github.com/multiproc/mp/internal/robust"
	"github.com/multiproc/mp/internal/shm"
)

// A Value is one T in memory that processes share, with a lock: an RLock of its
// own, or the one given by WithLock. T is any type without pointers: numbers,
// bools, arrays and structs of them.
//
// Make it with NewValue, after Init, and pass it as, or in, the argument of a task.
// Its memory lives until each process that holds a handle has closed or dropped it,
// or ended.
//
// Load, Store and Update hold the lock, and change the value as a whole: a process
// that dies meanwhile, or a panic in the function of Update, leaves the old value.
// After Close they panic.
type Value[T any] struct {
	h       shm.Handle
	p       *T
	lock    Locker // a handle of its own on the one that was given; nil: the value's own
	scratch T      // of Update
	busy    bool   // scratch is in use; both belong to the lock's holder
}

// An Option is an option of NewValue and NewArray. A nil one is nothing.
type Option func(*sharedOptions)

type sharedOptions struct{ lock Locker }

// WithLock makes l the lock of a new Value or Array: to protect several with one, or to
// wait for changes of it with a Cond. The lock lives as long as what it protects. A nil
// l means a lock of its own. An Array, or a Value of more than 8 bytes, cannot be the
// lock; its lock can, if it was given one. A Lock is not recursive: who has it, be it
// through the value's Lock, and calls a method that takes it waits for himself.
func WithLock(l Locker) Option { return func(o *sharedOptions) { o.lock = l } }

// apply returns the lock that was given, and what to link a new object to.
func applyOptions(opts []Option) (lock Locker, link *shm.Object, err error) {
	var o sharedOptions
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	if isNil(o.lock) {
		return nil, nil, nil
	}
	given := lockItself(o.lock).handle()
	release, err := given.Pin()
	if err != nil {
		return nil, nil, fmt.Errorf("the lock given %w", err)
	}
	defer release()
	given.Object().Share()
	lock, err = handleOnLock(given.Object())
	return lock, given.Object(), err
}

// handleOnLock returns a handle on the lock of an object, which becomes its own.
func handleOnLock(o *shm.Object) (Locker, error) {
	var l Locker = new(RLock) // also on the lock of a value
	if o.Ref().Kind == robust.KindLock {
		l = new(Lock)
	}
	return l, bound(o, l.bind(o))
}

// lockItself follows a Locker that uses another one's lock to that.
func lockItself(l Locker) Locker {
	for {
		user, ok := l.(interface{ Locker() Locker })
		if !ok || user.Locker() == l {
			return l
		}
		l = user.Locker()
	}
}

func isNil(l Locker) bool { return l == nil || reflect.ValueOf(l).IsNil() }

// NewValue makes a shared value. It returns an error that names the field if T has
// pointers in it; ErrNotInitialized before Init; ErrNoMemory if there is not enough
// memory; and ErrClosed if the lock that it was given has been closed.
func NewValue[T any](initial T, opts ...Option) (*Value[T], error) {
	if err := plain.Check(reflect.TypeFor[T]()); err != nil {
		return nil, err
	}
	lock, link, err := applyOptions(opts)
	if err != nil {
		return nil, fmt.Errorf("mp: NewValue: %w", err)
	}
	v := &Value[T]{lock: lock}
	if err := create(v, "NewValue", shm.Spec{Size: valueSize[T](), Link: link}); err != nil {
		return nil, errors.Join(err, closeLock(lock))
	}
	storeWhole(v.h.Object(), v.p, &initial)
	return v, nil
}

func (v *Value[T]) shape() (shm.Kind, uint32) {
	return robust.KindValue, plain.Hash(reflect.TypeFor[T]())
}

func (v *Value[T]) handle() *shm.Handle {
	if v == nil {
		return nil
	}
	return &v.h
}

func (v *Value[T]) bind(o *shm.Object) error {
	if err := hasRoom(o, valueSize[T]()); err != nil {
		return err
	}
	if err := bindLock(&v.lock, o); err != nil {
		return err
	}
	v.p = place[T](o)
	shm.Bind(v, &v.h, o)
	return nil
}

// hasRoom returns an error if an object has less memory than what is to be in it: then
// its cell has been overwritten.
func hasRoom(o *shm.Object, need uint64) error {
	if _, size := o.Memory(); size < need {
		return fmt.Errorf("%w: %d bytes of memory for a value that needs %d", shm.ErrDamaged, size, need)
	}
	return nil
}

// bindLock makes l a handle on the lock that an object holds, if it holds one and
// there is none.
func bindLock(l *Locker, o *shm.Object) error {
	if *l != nil || !o.HasLink() {
		return nil
	}
	linked, err := o.Linked()
	if err != nil {
		return err
	}
	*l, err = handleOnLock(linked)
	return err
}

// Load returns the value.
func (v *Value[T]) Load() T {
	v.begin("Value.Load")
	x := *v.p
	v.end()
	return x
}

// Store sets the value.
func (v *Value[T]) Store(x T) {
	v.begin("Value.Store")
	storeWhole(v.h.Object(), v.p, &x)
	v.end()
}

// Update changes the value with the lock held: f gets a copy, and what it leaves
// there is stored in one step. If f panics, or the process dies, nothing has
// happened. f must not keep the pointer.
func (v *Value[T]) Update(f func(x *T)) {
	v.begin("Value.Update")
	if v.busy { // an Update in an Update
		defer v.end()
		x := *v.p
		f(&x)
		storeWhole(v.h.Object(), v.p, &x)
		return
	}
	v.busy = true
	done := false
	defer func() {
		if !done { // f has panicked
			v.busy = false
			v.end()
		}
	}()
	v.scratch = *v.p
	f(&v.scratch)
	storeWhole(v.h.Object(), v.p, &v.scratch)
	done = true
	v.busy = false
	v.end()
}

// begin takes the lock, for a method that has no error to return.
func (v *Value[T]) begin(what string) {
	if v == nil || v.lock != nil || !robust.TryLockRecursive(&v.h) {
		v.beginSlow(what)
	}
	finish[T](v.h.Object())
}

func (v *Value[T]) beginSlow(what string) {
	if v == nil {
		misused(what, shm.ErrNoHandle)
	}
	beginLocked(what, &v.h, v.lock)
}

// end gives the lock back.
func (v *Value[T]) end() {
	if v.lock == nil && robust.TryUnlockRecursive(&v.h) {
		return
	}
	misused("Value.Unlock", v.release())
	if v.lock != nil {
		v.h.Exit()
	}
}

func (v *Value[T]) acquire(ctx context.Context) error {
	if v == nil {
		return shm.ErrNoHandle
	}
	return acquireLock(ctx, &v.h, v.lock)
}

func (v *Value[T]) release() error {
	if v == nil {
		return shm.ErrNoHandle
	}
	return releaseLock(&v.h, v.lock)
}

// acquireLock takes the lock of an object, which is its own if none was given.
func acquireLock(ctx context.Context, h *shm.Handle, given Locker) error {
	if given == nil {
		_, err := robust.AcquireRecursive(ctx, h)
		return err
	}
	if err := h.Check(); err != nil {
		return err
	}
	return given.Acquire(ctx)
}

// beginLocked takes it for a method that has no error to return. If it was given, it is
// another object's and does not keep the memory of this one: Enter does.
func beginLocked(what string, h *shm.Handle, given Locker) {
	if given != nil {
		misused(what, h.Enter())
	}
	err := acquireLock(context.Background(), h, given)
	if err != nil && given != nil {
		h.Exit()
	}
	misused(what, err)
}

// releaseLock gives it back.
func releaseLock(h *shm.Handle, given Locker) error {
	if given == nil {
		return robust.ReleaseRecursive(h)
	}
	return given.Release()
}

// Ptr returns where the value is, in the shared memory, and a function to call when
// the pointer is used no more. Until then Close is ErrInUse; if it is never called
// the memory is never used for anything else as long as this process lives. Who
// changes the value through the pointer should hold the lock; what a process that
// dies meanwhile leaves is what it had written. It panics if the handle is closed.
func (v *Value[T]) Ptr() (p *T, release func()) {
	release, err := v.handle().Pin()
	misused("Value.Ptr", err)
	if held(v.Locker()) { // it may have been locked by itself
		v.locked()
	}
	return v.p, release
}

// Close gives up this handle. It returns ErrInUse while the value is pinned through
// it, if it is the process's last handle and the process has the lock, or if the
// process has the lock that was given. Closing again does nothing.
func (v *Value[T]) Close() error {
	if v == nil {
		return nil
	}
	return misuse("Value.Close", closeLocked(&v.h, v.lock))
}

// closeLocked closes a handle, and with it the one on the lock that was given.
func closeLocked(h *shm.Handle, lock Locker) error {
	if lock == nil {
		return h.Close()
	}
	if o := lock.handle().Object(); h.Check() == nil && o.OwnedHere() {
		return fmt.Errorf("%w: unlock the lock that it was given first", ErrInUse)
	}
	if err := h.Close(); err != nil {
		return err
	}
	return closeLock(lock)
}

func closeLock(l Locker) error {
	if l == nil {
		return nil
	}
	return l.handle().Close()
}

// String shows the type and the value, or that it is locked.
func (v *Value[T]) String() string {
	name := "mp.Value[" + plain.Name(reflect.TypeFor[T]()) + "]"
	if err := v.handle().Enter(); err != nil { // the lock, if it was given, does not keep the memory
		return name + "(" + err.Error() + ")"
	}
	defer v.h.Exit()
	if ok, err := tryLock(&v.h, v.Locker()); err != nil || !ok {
		return name + "(locked)"
	}
	finish[T](v.h.Object())
	x := *v.p
	misused("Value.String", v.release())
	return fmt.Sprintf("%s(%v)", name, x)
}
