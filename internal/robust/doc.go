// Package robust has what processes wait for each other with: locks, semaphores,
// conditions, events and barriers, in memory that they share, none of which the
// death of a process at any instruction can leave stuck. They are written against
// the cells and transactions of package shm, and know neither types nor users;
// package mp gives them their public form.
//
// What is as fast as a single instruction when nobody is in the way, the locks, is
// done by atomic operations on a word. The rest is done in transactions, and so is
// whole or has not happened.
package robust
