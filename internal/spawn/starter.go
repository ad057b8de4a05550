package spawn

import (
	"runtime"
	"sync"

	"github.com/multiproc/mp/internal/sys"
)

// A starting is a request to the starter thread.
type starting struct {
	program *sys.Program
	child   *sys.Child
	err     error
	done    chan struct{}
}

// starter returns the way to the thread that starts children. Its goroutine
// stays locked to it and never ends, so the parent-death signal of a child
// cannot come before the parent dies.
var starter = sync.OnceValue(func() chan<- *starting {
	requests := make(chan *starting)
	go func() {
		runtime.LockOSThread()
		for r := range requests {
			r.child, r.err = sys.Start(r.program)
			close(r.done)
		}
	}()
	return requests
})

// start executes a program: on the starter thread, if it is to die with its
// parent.
func start(p *sys.Program) (*sys.Child, error) {
	if !p.DieWithThread {
		return sys.Start(p)
	}
	r := &starting{program: p, done: make(chan struct{})}
	starter() <- r
	<-r.done
	return r.child, r.err
}
