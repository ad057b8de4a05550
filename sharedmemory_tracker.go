package mp

import (
	"fmt"
	"os"

	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/task"
	"github.com/multiproc/mp/internal/tracker"
)

// tracked are the blocks that this process has created with AutoUnlink. The
// process that removes them is no child in the sense of this package: it is not
// among ActiveChildren, takes no number from them, and nobody waits for it.
var tracked = &tracker.Client{
	Setup: func() spawn.Setup {
		return spawn.Setup{
			Name:       "SharedMemoryTracker",
			Tasks:      task.Sum(),
			ParentPID:  os.Getpid(),
			ParentName: Self().Name,
		}
	},
	Killed: func(pid int) {
		fmt.Fprintf(os.Stderr, "mp: the process that removes shared memory with AutoUnlink (pid %d) was killed; another takes its place\n", pid)
	},
}

// runTracker is the life of that process.
func runTracker(in *spawn.Inheritance) {
	if err := tracker.Serve(in); err != nil {
		exit(1)
	}
	exit(0)
}
