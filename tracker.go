package mp

import (
	"fmt"
	"os"

	"github.com/multiproc/mp/internal/shmfile"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/task"
	"github.com/multiproc/mp/internal/tracker"
)

// tracked are the files that are to go with this process: the blocks that it has
// created with AutoUnlink, and sockets of listeners. The process that removes them is
// no child in the sense of this package: it is not among ActiveChildren, takes no
// number from them, and nobody waits for it.
var tracked = &tracker.Client{
	Setup: func() spawn.Setup {
		return spawn.Setup{
			Name:       "Tracker",
			Tasks:      task.Sum(),
			ParentPID:  os.Getpid(),
			ParentName: Self().Name,
		}
	},
	Killed: func(pid int) {
		fmt.Fprintf(os.Stderr, "mp: the process that removes the files of this one when it has ended (pid %d) was killed; another takes its place\n", pid)
	},
}

// trackBlock and forgetBlock do it for a block of shared memory.
func trackBlock(r shmfile.Ref) error { return tracked.Add(r.Path(), r.ID) }
func forgetBlock(r shmfile.Ref)      { tracked.Remove(r.Path(), r.ID) }

// runTracker is the life of that process.
func runTracker(in *spawn.Inheritance) {
	if err := tracker.Serve(in); err != nil {
		exit(1)
	}
	exit(0)
}
