// Package fdstore lets file descriptors travel between the processes of a family as
// numbers in a message, also when their sender has closed its own, or been killed.
//
// A descriptor under way is a shared object, a cell without memory, and a process
// that keeps the descriptor as long as the object is there: the store.
//
//	sender                               store                          receiver
//	  Put: a new object
//	  put, reference ── descriptor ───▶    held[reference] = descriptor
//	                 ◀────────── done
//	  a message with the reference ───────────────────────────────────▶  Get
//	                                       get, reference  ◀───────────
//	                                       done ────────── descriptor ▶
//	  nobody has the object any more:      close(held[reference])
//
// The memory that the family shares settles who has the object: references in
// queues, those of the dead, all as with other objects. So whatever happens to
// processes and messages, the store sees the object go, within a quarter of a second,
// and closes the descriptor.
//
// Why not send the descriptor to the receiver? A message has none: it may lie in a
// queue, and who takes it out is not known, or not born. Why not through sockets in
// the queues? Those are memory, and nothing in them says when a descriptor in a
// socket is the one that belongs to an item.
//
// # The life of the store
//
// Who first puts a descriptor starts the store, and writes into the arena's root
// object where it is: the name of its socket, and a secret. The lock of that object
// is over the starting, so there is one at a time; if its holder dies the next one
// goes on. The store ends when it has held nothing for a second, and it holds nothing
// soon after the last process that could want something has ended. It first stops to
// answer, then to listen: who has had no answer tries again, with the next store.
//
// If the store is killed, what it has held is lost: Get says so, and the next Put
// starts another. In this way only a kill aimed at it harms anybody, and never more
// than what was under way.
//
// # Who may ask
//
// Whoever knows the secret, which stands in memory that only the family has mapped.
// A family trusts its members, whatever users they are: who has that memory can do far
// worse to it than ask for descriptors. The name of an abstract socket can be read by
// everybody, and be taken when its owner has gone: so the client tells the secret to
// nobody but the process that the record names, as long as that lives.
//
// All have to be in the network namespace of the store, for the name exists only there.
package fdstore
