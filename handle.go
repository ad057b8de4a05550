package mp

import (
	"fmt"
	"reflect"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/travel"
)

// sharedHandle is what the types of shared objects have, as pointers.
type sharedHandle interface {
	// shape says which objects the handle can be on.
	shape() (kind shm.Kind, hash uint32)
	handle() *shm.Handle
	// bind makes the handle one on o. If that fails, o is the caller's still.
	bind(o *shm.Object) error
}

// create makes a shared object, and h, a new one, the handle on it.
func create(h sharedHandle, what string, spec shm.Spec) error {
	if err := ready("mp: " + what); err != nil {
		return err
	}
	a, err := shm.Default()
	if err != nil {
		return fmt.Errorf("mp: %s: %w", what, err)
	}
	spec.Kind, spec.Hash = h.shape()
	o, err := a.New(spec)
	if err != nil {
		return fmt.Errorf("mp: %s: %w", what, err)
	}
	return bound(o, h.bind(o))
}

// bound lets an object go that could not be bound.
func bound(o *shm.Object, err error) error {
	if err != nil {
		_ = o.Drop()
	}
	return err
}

// Must returns v, and panics if there is an error: for the constructors of shared
// objects where there is nothing sensible to do without them.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func init() {
	home := reflect.TypeFor[Lock]().PkgPath()
	codec.RegisterSpecials(func(t reflect.Type) (codec.Special, bool) {
		// A struct of another package that has a handle embedded has its methods, and
		// more to it than the handle.
		if t.Kind() != reflect.Pointer || t.Elem().PkgPath() != home || !t.Implements(reflect.TypeFor[sharedHandle]()) {
			return codec.Special{}, false
		}
		return codec.Special{Ext: travel.ExtObject, Append: appendHandle, Decode: decodeHandle}, true
	})
}

// appendHandle encodes a handle as the reference to its object.
func appendHandle(dst []byte, v reflect.Value) ([]byte, error) {
	h := v.Interface().(sharedHandle).handle()
	if err := h.Check(); err != nil {
		return dst, err
	}
	return travel.Append(dst, h.Object().Ref()), nil
}

// fits says whether a handle can be on the object that r refers to.
func fits(h sharedHandle, r shm.Ref) bool {
	if l, ok := h.(interface{ on(shm.Kind) bool }); ok && l.on(r.Kind) {
		return true
	}
	kind, hash := h.shape()
	return r.Kind == kind && r.Hash == hash
}

// decodeHandle makes a new handle on the object that another process has sent a
// reference to.
func decodeHandle(payload []byte, v reflect.Value) error {
	r, err := travel.Parse(payload)
	if err != nil {
		return err
	}
	made := reflect.New(v.Type().Elem())
	h := made.Interface().(sharedHandle)
	if !fits(h, r) {
		return shm.ErrKind
	}
	o, err := shm.Open(r)
	if err != nil {
		return err
	}
	if err := bound(o, h.bind(o)); err != nil {
		return err
	}
	v.Set(made)
	return nil
}
