// Package ledger is the memory that a pool worker and its parent share: one
// mapping per worker, in which the worker notes what it has started and
// finished, and keeps the results that it has not written to its pipe yet.
//
// Items (the tasks of a worker) are numbered from 0 in the order in which the
// parent sends them; a worker runs them in that order. The ledger makes three
// things exact that pipes alone cannot:
//
//   - Who was it? When a worker is dead, Started and Done tell which item it
//     was running. Only that one failed: those before it are done, those behind
//     it have never run and may go to another worker.
//   - Nothing is lost. Results are built in the ledger's outbox and written to
//     the pipe from there, many at a time. Results that a dead worker had
//     finished and not written are still in the outbox (Unwritten).
//   - Taking back. A worker claims items at the Gate before it runs them. The
//     parent can close the gate (Revoke) at any moment and knows, by the same
//     atomic instruction, which items will never run there.
//
// The worker is the only writer of everything but the gate. The parent treats
// all of it as untrusted: what does not add up is an error, never a crash.
//
// Why not write each result to the pipe at once? A system call that wakes the
// parent costs more than a small task, and it costs a CPU that the workers
// could use.
package ledger
