package shm

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Errors of handles.
var (
	ErrClosed = errors.New("has been closed")
	// ErrNoHandle is returned for a handle that no constructor has made.
	ErrNoHandle = errors.New("was not made here: handles do not travel in globals or closures; create it after mp.Init and pass it as, or in, the argument")
)

// A Handle is one of the handles of this process on a shared object. The zero
// value has none.
type Handle struct {
	o *Object
	// state counts those who are inside Enter and Exit, and above them the pins. It
	// is negative when the handle is closed.
	state   atomic.Int64
	mu      sync.Mutex // over giving the object up
	given   bool
	cleanup runtime.Cleanup

	// Brief says that the object's lock is held only between Enter and Exit: Close has
	// the last who leaves give the object up, rather than being refused. It is set
	// before the handle is bound.
	Brief bool
}

const (
	oneInside = 1
	onePin    = 1 << 32
	closedBit = -1 << 63
)

// inside and pins take a handle's state apart.
func inside(state int64) int64 { return state & (onePin - 1) }
func pins(state int64) int64   { return state &^ closedBit >> 32 }

// Bind makes h a handle on o, of which the caller has one to give. When owner,
// which h is a part of, is dropped unclosed, the collector gives it up.
func Bind[T any](owner *T, h *Handle, o *Object) {
	h.o = o
	h.cleanup = runtime.AddCleanup(owner, dropLater, o)
}

// Object returns the object, or nil if there is none.
func (h *Handle) Object() *Object {
	if h == nil {
		return nil
	}
	return h.o
}

// Check returns why the handle cannot be used: ErrNoHandle, ErrClosed, or nil.
func (h *Handle) Check() error {
	switch {
	case h == nil || h.o == nil:
		return ErrNoHandle
	case h.Closed():
		return ErrClosed
	}
	return nil
}

// Closed says whether the handle has been closed. A lock that is taken looks at it
// afterwards: then either it, or Close, has seen the other.
func (h *Handle) Closed() bool { return h.state.Load() < 0 && h.surelyClosed() }

// surelyClosed waits for a Close that may be about to be refused.
func (h *Handle) surelyClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.Load() < 0
}

// Enter begins a use of the object that Close does not end, but whose end it waits
// for before it gives the object up. Each success needs an Exit.
func (h *Handle) Enter() error { return h.take(oneInside) }

// Exit ends what Enter has begun.
func (h *Handle) Exit() { h.giveBack(oneInside) }

func (h *Handle) take(what int64) error {
	if h == nil || h.o == nil {
		return ErrNoHandle
	}
	if h.state.Add(what) < 0 && h.surelyClosed() {
		h.giveBack(what)
		return ErrClosed
	}
	return nil
}

func (h *Handle) giveBack(what int64) {
	if h.state.Add(-what) == closedBit {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.state.Load() == closedBit {
			_ = h.give()
		}
	}
}

// Pin keeps the object's memory as it is, and Close from succeeding, until the
// function that it returns is called. If that never happens, the memory is never
// used for anything else as long as this process lives.
func (h *Handle) Pin() (release func(), err error) {
	if err := h.take(onePin); err != nil {
		return nil, err
	}
	h.o.Share()
	return sync.OnceFunc(func() {
		_ = h.o.Drop()
		h.giveBack(onePin)
	}), nil
}

// Close gives the handle up: ErrInUse if memory is pinned through it, or if it is
// the process's last and the process has the object's lock. Closing twice is fine.
func (h *Handle) Close() error {
	if h == nil || h.o == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var state int64
	for {
		state = h.state.Load()
		if state < 0 {
			return nil
		}
		if pins(state) > 0 {
			return errPinned
		}
		if h.lastLocked() {
			return errLocked
		}
		if h.state.CompareAndSwap(state, state|closedBit) {
			break
		}
	}
	err := errLocked
	if inside(state) == 0 {
		err = h.give()
	} else if !h.lastLocked() {
		return nil // the last who leaves gives the object up
	}
	if err != nil {
		h.state.And(^closedBit)
	}
	return err
}

// lastLocked says whether this is the process's last handle, and the process has the
// lock for longer than a moment.
func (h *Handle) lastLocked() bool { return !h.Brief && h.o.lastInUse() }

// give gives the object up, once. The caller has mu.
func (h *Handle) give() error {
	if h.given {
		return nil
	}
	if err := h.o.Drop(); err != nil {
		return err
	}
	h.given = true
	h.cleanup.Stop()
	return nil
}

// dropped are the handles that the collector has found.
type dropped struct {
	mu      sync.Mutex
	objects []*Object
	busy    bool
}

// dropLater is called by the collector, which must not wait for locks.
func dropLater(o *Object) {
	d := &o.arena.dropped
	d.mu.Lock()
	defer d.mu.Unlock()
	d.objects = append(d.objects, o)
	if !d.busy {
		d.busy = true
		go d.drain()
	}
}

func (d *dropped) drain() {
	for {
		d.mu.Lock()
		objects := d.objects
		d.objects = nil
		d.busy = len(objects) > 0
		d.mu.Unlock()
		if len(objects) == 0 {
			return
		}
		for _, o := range objects {
			_ = o.Drop() // one whose lock is held stays as long as the process
		}
	}
}
