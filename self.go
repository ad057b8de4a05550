package mp

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/multiproc/mp/internal/spawn"
)

// self is this process, and family what is known around it.
var (
	self = sync.OnceValue(func() *Process {
		return &Process{Name: "MainProcess", shared: &shared{state: started, pid: os.Getpid(), done: make(chan struct{})}}
	})
	family struct {
		parent   *Process // nil in the main process
		self     *Process // nil in the main process
		identity string   // "1:2" for the second child of the first child
		children atomic.Int64
	}
	active struct {
		mu  sync.Mutex
		set map[*Process]struct{}
	}
)

// Self returns this process: in a child with the name that its parent gave it.
// It can be asked for its name, its pid and whether it is a daemon; it cannot be
// joined.
func Self() *Process {
	if family.self != nil {
		return family.self
	}
	return self()
}

// Parent returns the process that started this one, or nil in the main process.
// Its Done is closed when the parent is gone, however it ended. It can be joined
// (the error is then always nil, for its exit status is not ours to know), but
// not signalled.
func Parent() *Process { return family.parent }

// ActiveChildren returns the children of this process that have been started
// with Process.Start or Run and have not ended, without the workers of pools. Those
// that have ended are reaped without being asked for.
func ActiveChildren() []*Process {
	active.mu.Lock()
	children := make([]*Process, 0, len(active.set))
	for p := range active.set {
		children = append(children, p)
	}
	active.mu.Unlock()
	children = slices.DeleteFunc(children, func(p *Process) bool { return !p.Alive() })
	slices.SortFunc(children, func(a, b *Process) int { return cmp.Compare(a.PID(), b.PID()) })
	return children
}

// nextName returns the name of a child that was given none, and its identity.
func nextName() (name, identity string) {
	identity = fmt.Sprint(family.children.Add(1))
	if family.identity != "" {
		identity = family.identity + ":" + identity
	}
	return "Process-" + identity, identity
}

// identify tells a child to be who its parent is.
func identify(s *spawn.Setup) {
	s.ParentPID = os.Getpid()
	s.ParentName = Self().Name
	s.AuthKey = authKey()
	name, identity := nextName()
	if s.Role == spawn.Worker {
		name = strings.Replace(name, "Process", "PoolWorker", 1)
	}
	if s.Name == "" {
		s.Name = name
	}
	s.Identity = identity
}

// adopt makes this process the child that its setup says it is. The returned
// context ends, and Parent's Done is closed, when orphan is called.
func adopt(s *spawn.Setup) (ctx context.Context, cancel context.CancelFunc, orphan func()) {
	family.identity = s.Identity
	familyKey.key = s.AuthKey
	family.self = &Process{Name: s.Name, Daemon: s.Daemon, shared: &shared{state: started, pid: os.Getpid(), done: make(chan struct{})}}
	family.parent = &Process{Name: s.ParentName, shared: &shared{state: started, pid: s.ParentPID, done: make(chan struct{}), foreign: true}}
	ctx, cancel = context.WithCancel(context.Background())
	return ctx, cancel, sync.OnceFunc(func() {
		family.parent.end(nil, 0)
		cancel()
	})
}
