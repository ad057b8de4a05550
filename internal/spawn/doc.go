// Package spawn is how a child comes to be and how it ends.
//
// A child is the running image, executed again: the same program, also if its
// file has been deleted or replaced meanwhile. It finds out what it is while
// this package initialises, from one environment variable, which it removes
// from its environment at once, and from the pipe which that variable names by
// its inode, so that a variable that has leaked somewhere deceives nobody. What
// it has to do it reads from that pipe when its main calls mp.Init.
//
// Between parent and child there are, never on the standard streams:
//
//   - control, parent to child: the setup, cancellations. It is the life-line as
//     well: its end means that the parent is gone.
//   - reports, child to parent: the hello, results, how the target ended.
//   - memory, a file in memory that the child's runtime writes its crash text to,
//     so that the parent has the last words of a process that died of a panic;
//     a pool worker's ledger is in front of it.
//   - tasks, parent to child: the calls of a pool worker, apart from control, so
//     that a cancellation overtakes them.
//
// In the child they have high numbers and are close-on-exec before main runs.
//
// Each end is held by exactly one process: all descriptors are close-on-exec,
// and the parent closes its copies of the child's ends as soon as the child
// has started. So the end of one process is always seen by the other.
//
// Daemons are started by one thread that lives as long as the process, because the
// kernel sends the parent-death signal when the thread ends that started the child;
// others are started where Start is called.
package spawn
