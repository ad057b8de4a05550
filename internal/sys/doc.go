// Package sys is the project's one door to the operating system.
//
// Nothing else in the library imports golang.org/x/sys/unix. Every function
// here is one system call, or the few that belong together, with EINTR
// retried and the error wrapped by os.NewSyscallError, so that a failure
// always names the call that failed.
//
// Descriptors that leave this package are owned by an *os.File, are
// close-on-exec and, where they can block, non-blocking, so that they wait in
// the runtime's network poller and not on a thread. They never have the
// numbers 0 to 2, also when the program was started with those closed.
//
// The package does real work on Linux only (5.4 or newer: pidfds that can be
// waited for). On other systems it compiles, and each function returns
// ErrNotSupported wrapped with the function's name.
package sys
