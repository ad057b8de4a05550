// Package ipc moves whole messages between two processes over a pair of OS
// pipes.
//
// A message is a Frame: a header of 13 bytes (length, kind, number) and a body.
// What a body means is the business of the packages above; how Go values
// become bytes is that of the package codec below this one.
//
// Two costs rule the design. A system call is a tenth of a microsecond, so a
// Reader takes as much as the pipe holds and hands out the frames from its
// buffer. Waking a sleeping process is tens of microseconds, so a Reader that
// expects an answer soon asks the pipe again and again for a short time,
// letting other goroutines run in between, before it parks in the runtime's
// network poller (adaptive polling).
//
// What comes out of a pipe is not trusted: memory for a body grows with the bytes
// that have really arrived, not with the length that was promised.
package ipc
