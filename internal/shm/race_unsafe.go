//go:build race

package shm

import "unsafe"

// raceAddress stands for the object with the race detector.
func (o *Object) raceAddress() unsafe.Pointer { return unsafe.Pointer(o) }
