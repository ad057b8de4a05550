package robust

import (
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// A value of up to 8 bytes lies in its cell and is changed by one store. A larger
// one has two copies in the heap: the value, and the next one. To change it, the
// next one is written, the flag is set, which is the instant of the change, and the
// value is overwritten. Who takes the lock over from a holder that has died in
// between overwrites it once more.

// flagPending says that the next value is complete and the value may not be.
const flagPending = shm.FirstFlag

// Pending says whether a change has been decided on but not carried out.
func Pending(o *shm.Object) bool {
	return atomic.LoadUint32(o.Word(shm.CellFlags))&flagPending != 0
}

// Commit changes the value from its next one by copying it.
//
// Precondition: the caller has the lock.
func Commit(o *shm.Object, copying func()) {
	flags := o.Word(shm.CellFlags)
	atomic.OrUint32(flags, flagPending)
	copying()
	atomic.AndUint32(flags, ^uint32(flagPending))
}
