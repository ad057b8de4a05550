// Package tracker removes files that have to go with the process that created them,
// however it ended: named shared memory, and the sockets of listeners with their
// directories.
//
// A process that is killed cannot clean up. So it has a child that does nothing
// but wait for the end of its control pipe, which the kernel brings about. The
// [Client] is the creator's side, [Serve] is the child.
//
//	creator                                        tracker
//	  add: track frame ────── control pipe ──────▶   files + (path, id)
//	  the file gets its path
//	  unlink, forget frame ───────────────────────▶  files - (path, id)
//	  its end, in whatever way: end of file ──────▶  remove what is left, exit
//
// What is in a pipe is read even if the writer has died. So if the frame is in it
// before the file is there, there is no moment at which a kill leaves something
// behind. That is possible where the id of the file is known before it has a path,
// as with shared memory, and where the path is one that nobody else uses, as with a
// directory that has just been thought of: then it is announced without an id, and
// again with one. A socket at a path that the user has chosen can be announced only
// when it is there; a kill in the microseconds between leaves it.
//
// A file is removed only if device and inode are still those that were announced.
//
// Each creating process has a tracker of its own. CPython's is shared by a whole
// family, and removes a block only when the last of them has gone; then it matters
// who has told it what, and in which order.
//
// # The tracker's own death
//
// The tracker is in a session of its own, so that a terminal's signals do not reach
// it, and ignores SIGINT, SIGTERM and SIGHUP. If it is killed all the same the
// client starts another and tells it everything anew: at once; or, if it had not
// lived for a second, when that is over or there is another file, so that something
// that kills all trackers does not make a busy loop. It ends when there has been
// nothing to track for a second.
package tracker
