// Package shm is the memory that a family of processes shares: the first program,
// its children, theirs.
//
// # The arena
//
// One sparse, unnamed file is made before the first child and inherited by all. A
// process maps it when its first handle on a shared object is made or arrives, so
// one that shares nothing can overwrite nothing. An object is a cell of 64 bytes in
// a table, with memory of the heap behind it if it needs some, and a reference to
// it is a few numbers in a message (Ref). Nothing has a name: when the last process
// has ended, in whatever way, all of it is gone.
//
// # Deaths
//
// Any process may be killed at any instruction. Four things make that an ordinary
// event:
//
//   - Every change of the bookkeeping is a transaction (Tx), written to a journal
//     before it is carried out. Who takes the arena's lock over from a dead process
//     carries out what is in the journal.
//   - Each process has a slot, whose first word holds the number of a thread, the
//     keeper, that lives as long as the process. The kernel marks the word when it
//     ends (a robust futex list). So whether a process lives is one load.
//   - A lock is a word that names its holder (LockWord). One that names a dead
//     process is free, and the next one is told.
//   - A ledger lists what each process has references to. Whoever notices a death,
//     which its parent does at once and everybody who waits within 50 ms, goes
//     through the ledger of the dead (Reap): references are dropped, memory without
//     any is given back to the kernel, waiters are woken, and what else a kind of
//     object wants is done in the same transaction (OnDeparture).
//
// # Words that are never reused
//
// The table of cells is only ever a table of cells, and the word at CellLock in it
// only ever a lock. So a lock can be taken in one instruction without telling
// anybody before: who has taken the lock of a handle that another goroutine was
// closing at that moment finds the handle closed, and gives the lock back, even if
// the cell has become another object's in between. Heap memory is not of that sort:
// a handle that uses it holds the lock, is inside Enter and Exit, or has it pinned.
//
// # Lock order
//
// The mutex of the arena's objects, then the mutex in front of transactions, then
// the lock over the arena. The lock over the settling of the dead comes before the
// lock over the arena. Nothing is waited for inside a transaction.
package shm
