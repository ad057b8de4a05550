// Package pool keeps worker processes for many calls: Python's
// multiprocessing.Pool and concurrent.futures.ProcessPoolExecutor in one.
//
//	p, err := pool.New(pool.Options{})
//	if err != nil { ... }
//	defer p.Close()
//	squares, err := pool.Map(ctx, p, square, []int{1, 2, 3})
//
// The functions are generic, so they are not methods: Apply runs one call and
// waits, Submit returns a Future, Map runs a task over a slice, Imap and
// ImapUnordered over a sequence, in bounded memory.
//
// # When to use it
//
// Goroutines use all CPUs and cost less. A pool is for work that has to be
// killable, that may crash, that leaks, that needs C libraries with global
// state, or that is not to share a heap and its garbage collector with the rest
// of the program.
//
// # What happens when
//
// A task that returns an error or panics fails, with an *mp.RemoteError; its
// worker goes on. A worker that dies fails only the task that it was running,
// with a *WorkerDiedError, or has it run again where Retries say so; it is
// replaced, and what was waiting behind that task is done elsewhere. Every task
// that was accepted ends exactly once, and none is run twice without Retries.
//
// A context that ends reaches the context of the task. A task that does not
// return then is killed with its worker after Options.KillGrace.
//
// When the parent dies, even by SIGKILL, the workers die.
//
// # Cost
//
// A call costs a few microseconds when calls follow each other and a CPU is free,
// and the price of two wake-ups, some 20 to 100 microseconds, after a pause. Calls
// are written and read many at a time where many wait, and Map and Imap cut
// their input into chunks by the time that the items take. A slice of numbers
// travels at the speed of memory.
//
// docs/architecture.md has the state machines of tasks and workers.
package pool
