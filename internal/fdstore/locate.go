package fdstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/spawn"
)

// attempts is how many stores a call starts at most: the next one if one is killed
// before it is ready, or before it has answered. So something that kills them all
// does not make a busy loop.
const attempts = 3

var (
	errNoStore = errors.New("there is no process that keeps file descriptors under way")
	errNoSetup = errors.New("package mp has not been initialised")
)

// root is what this process has of the root object. It keeps it to its end.
var root struct {
	mu sync.Mutex
	o  *shm.Object
}

func rootOf(a *shm.Arena) (*shm.Object, error) {
	root.mu.Lock()
	defer root.mu.Unlock()
	if root.o != nil {
		return root.o, nil
	}
	o, err := a.Root(shm.Spec{Kind: kindRecord, Size: recordSize})
	if err == nil {
		root.o = o
	}
	return o, err
}

// locate returns where the store is that lives. If there is none it starts one, or
// returns errNoStore. That one lives does not mean that it answers.
func (c *call) locate(ctx context.Context) (p place, err error) {
	o, err := rootOf(c.arena)
	if err != nil {
		return p, err
	}
	r, err := recordOf(o)
	if err != nil {
		return p, err
	}
	// Who starts a store has the lock meanwhile, so that there is only one.
	lock := o.LockWord()
	if _, err := lock.Acquire(ctx, nil); err != nil {
		return p, fmt.Errorf("another process (pid %d) is about to start the one that keeps file descriptors under way: %v", c.arena.PID(lock.Owner()), err)
	}
	o.Acquired()
	defer func() {
		o.Released()
		lock.ReleaseOwn()
		lock.Repaired() // a record that is torn is nobody's, so it always is in order
	}()
	p = r.read()
	switch {
	case p.owner != 0 && p.owner != c.bad && c.arena.Alive(p.owner):
		return p, nil
	case !c.start:
		return p, errNoStore
	}
	if p, err = c.raise(ctx); err == nil {
		r.write(p)
	}
	return p, err
}

// raise starts a store.
func (c *call) raise(ctx context.Context) (p place, err error) {
	if Setup == nil {
		return p, errNoSetup
	}
	err = spawn.ErrSilent // or before it has answered
	for errors.Is(err, spawn.ErrSilent) && c.raised < attempts && ctx.Err() == nil {
		c.raised++
		setup := Setup()
		setup.Role = spawn.Store
		var proc *spawn.Process
		var hello []byte
		if proc, hello, err = spawn.Raise(setup, remaining(ctx)); err != nil {
			continue
		}
		go func() {
			proc.Wait()
			proc.Release()
		}()
		if p, ok := parseHello(hello, proc.PID); ok {
			return p, nil
		}
		err = errAnswer
	}
	return p, fmt.Errorf("the process that keeps file descriptors under way has not started: %w", err)
}
