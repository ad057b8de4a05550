// Package task is the registry of the functions that can run in another
// process, and of the errors that can come back from one.
//
// A function cannot travel, but its name can: both processes run the same
// binary, and both register the same functions while their packages are
// initialised. A Def is a registered function with what only generic code
// knows: how to encode its argument and how to run it on encoded items. The
// table is frozen and checked by Freeze (mp.Init in the parent), with all
// faults reported at once.
//
// A Failure is how a task's error or panic travels: as data, never as a value
// that the receiver would have to be able to rebuild. Only errors that were
// registered for it (and the well-known ones of the standard library) become
// themselves again.
package task
