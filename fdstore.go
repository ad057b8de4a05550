package mp

import (
	"os"

	"github.com/multiproc/mp/internal/fdstore"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/task"
)

// The process that keeps the file descriptors that are under way is no child in the
// sense of this package, like that which removes shared memory: it is not among
// ActiveChildren, takes no number from them, and nobody waits for it.
func init() {
	fdstore.Setup = func() spawn.Setup {
		return spawn.Setup{
			Name:       "DescriptorStore",
			Tasks:      task.Sum(),
			ParentPID:  os.Getpid(),
			ParentName: Self().Name,
		}
	}
}

// runStore is the life of that process.
func runStore(in *spawn.Inheritance) {
	if err := fdstore.Serve(in); err != nil {
		exit(1)
	}
	exit(0)
}
