// Package fifo is queues of records in shared memory, for any number of processes at
// both ends.
//
// A queue has two locks, one for those who put and one for those who take, so that
// the two sides never wait for each other. Who puts writes a record behind the last
// one, and then moves the tail, by one store: that is when the item is there. Who
// takes copies the first record out, and then moves the head. So whoever is killed,
// wherever, leaves the queue as it was before or as it is afterwards.
//
// Records lie in segments of 64 KiB that form a chain; one that is used up is kept
// for the next need. What is larger than 8 KiB has memory of its own, a blob, of
// which the record has the number; a few are kept as well, for to take memory from
// the system costs more than to copy it. A record can refer to other shared objects,
// which the queue then holds: in the transaction that moves the tail they get a
// reference, and in the one that moves the head it goes to who has taken the item.
//
// The two ends of a pipe are objects of their own that hold a queue. When the last
// process has given up one of them, in whatever way, the queue is told; with the one
// that takes goes what is in the queue.
package fifo
