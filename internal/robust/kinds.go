package robust

import "github.com/multiproc/mp/internal/shm"

// The kinds of shared objects; they travel as numbers.
const (
	KindLock      = shm.FirstKind + 0
	KindRLock     = shm.FirstKind + 1
	KindSemaphore = shm.FirstKind + 2
	KindBounded   = shm.FirstKind + 3
	KindCond      = shm.FirstKind + 4
	KindWaiter    = shm.FirstKind + 5 // one who waits for a Cond: no handle is of this kind
	KindEvent     = shm.FirstKind + 6
	KindBarrier   = shm.FirstKind + 7
	KindValue     = shm.FirstKind + 8
	KindRawValue  = shm.FirstKind + 9
	KindArray     = shm.FirstKind + 10
	KindRawArray  = shm.FirstKind + 11
	KindCounter   = shm.FirstKind + 12
	KindOnce      = shm.FirstKind + 13
)
