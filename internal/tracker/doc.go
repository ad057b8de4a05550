// Package tracker removes named shared memory when the process that created it is
// gone, however it ended.
//
// A process that is killed cannot clean up. So it has a child that does nothing
// but wait for the end of its control pipe, which the kernel brings about. The
// [Client] is the creator's side, [Serve] is the child.
//
//	creator                                        tracker
//	  add: track frame ────── control pipe ──────▶   blocks[id] = name
//	  the block gets its name
//	  unlink, forget frame ───────────────────────▶  delete(blocks, id)
//	  its end, in whatever way: end of file ──────▶  unlink what is left, exit
//
// The frame is in the pipe before the block has a name, and what is in a pipe is
// read even if the writer has died: there is no moment at which a kill leaves
// something behind. It is unlinked only if device and inode are still those that
// were announced.
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
// lived for a second, when that is over or there is another block, so that something
// that kills all trackers does not make a busy loop. It ends when there has been
// nothing to track for a second.
package tracker
