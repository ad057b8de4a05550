//go:build race

package shm

import "runtime"

// raceEnabled says whether the race detector is built in.
const raceEnabled = true

// Acquired tells the race detector, which does not see shared memory, that the
// caller comes after all who have called Released.
func (o *Object) Acquired() { runtime.RaceAcquire(o.raceAddress()) }

// Released is what Acquired comes after.
func (o *Object) Released() { runtime.RaceReleaseMerge(o.raceAddress()) }
