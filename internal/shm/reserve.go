package shm

import (
	"errors"
	"fmt"

	"github.com/multiproc/mp/internal/headroom"
	"github.com/multiproc/mp/internal/sys"
)

// ErrNoMemory is returned when the machine, a control group, or the arena has not
// enough memory left.
var ErrNoMemory = errors.New("not enough memory")

const (
	// step is how much memory is taken or given back by one system call.
	step = 16 << 20
	// spare is what must be left, for everybody else.
	spare = 16 << 20
)

// reserve gives a range of the arena memory, so that touching it cannot fail. The
// kernel would not refuse: where there is a limit it kills, so what is left is
// compared before.
func (a *Arena) reserve(off, size uint64) error {
	for end := off + size; off < end; off += step {
		n := min(step, end-off)
		if free, bound := headroom.Available(); free < end-off+spare {
			return fmt.Errorf("%w: %d MiB more of shared memory are wanted, and %d MiB are left (%s)", ErrNoMemory, (end-off+1<<20-1)>>20, free>>20, bound)
		}
		if err := sys.Reserve(a.file, int64(off), int64(n)); err != nil {
			return fmt.Errorf("%w: %w", ErrNoMemory, err)
		}
	}
	return nil
}

// punch gives the memory of a range back.
func (a *Arena) punch(off, size uint64) error {
	done := make(chan error, 1)
	a.keeper.punches <- punch{off, size, done}
	return <-done
}

// punchHere is punch on the keeper's thread.
func (a *Arena) punchHere(off, size uint64) error {
	for end := off + size; off < end; off += step {
		if err := sys.Punch(a.file, int64(off), int64(min(step, end-off))); err != nil {
			return err
		}
	}
	return nil
}
