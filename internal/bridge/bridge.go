// Package bridge is how package pool reaches what package mp keeps to itself.
//
// A pool needs the registered function behind an mp.Task and the argument
// behind an mp.Call, and it makes errors of mp's types. Those fields are
// unexported, for users have no business with them, and Go has no friends.
// Package mp fills these variables while it initialises, before any other code
// can use either package; nobody writes them afterwards.
//
// Why not exported methods that return internal types? They would stand in the
// documentation of every user, who cannot call them.
package bridge

import (
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/task"
)

// The unexported side of package mp.
var (
	// TaskDef returns the registered function behind a *mp.Task.
	TaskDef func(task any) *task.Def
	// CallBound returns the task and the argument behind an mp.Call; nil for the
	// zero Call.
	CallBound func(call any) *task.Bound
	// RemoteError makes an *mp.RemoteError of what a worker has sent.
	RemoteError func(f *task.Failure, worker string, pid int) error
	// Ready returns an error that tells how to mend it if mp.Init has not run.
	Ready func(what string) error
	// Identify fills in who the parent of a child to be is.
	Identify func(s *spawn.Setup)
	// AtExit registers a function that ends something before the process does; it
	// returns how to take that back.
	AtExit func(end func()) (forget func())
)
