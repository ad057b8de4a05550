package sys

import (
	"errors"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// tableSize is the size of a new process's descriptor table. To enlarge the
// table of a process with threads the kernel waits for a grace period, which
// takes longer than all else that a child does to start.
const tableSize = 64

// Inherit moves a descriptor that came through exec out of the way of programs
// that count on 3 and up being free, and makes it close-on-exec in the same step,
// before anything else of the process can start a program. It keeps its mode:
// our pipes are non-blocking on both sides.
func Inherit(fd int) (moved int, err error) {
	const high = 40
	moved, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, high)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EMFILE) { // RLIMIT_NOFILE is below that
		moved, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	}
	if err != nil {
		return -1, os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", err)
	}
	unix.Close(fd)
	return moved, nil
}

// CloseInherited closes the descriptors from number first on that came through
// exec: those which are not close-on-exec. What this process has opened itself
// is, for Go opens everything so.
func CloseInherited(first int) error {
	// A process that starts has a few low descriptors. As long as one of the
	// table's is free, higher ones cannot have been opened here: numbers are given
	// from below. To ask for each low one is cheaper than to list /proc/self/fd.
	low := false
	for fd := first; fd < tableSize; fd++ {
		low = !closeIfInherited(fd) || low
	}
	if low && unix.CloseRange(tableSize, math.MaxInt32, 0) == nil {
		return nil
	}
	return closeListed(max(first, tableSize))
}

// closeIfInherited returns false if there is nothing at fd.
func closeIfInherited(fd int) bool {
	// It cannot block, and is called for the whole table: the scheduler need not
	// be told of each call.
	flags, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0)
	if errno == 0 && flags&unix.FD_CLOEXEC == 0 {
		unix.Close(fd)
	}
	return errno == 0
}

// closeListed is CloseInherited by the kernel's list.
func closeListed(first int) error {
	dir, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil // no /proc: nothing can be said, and nothing depends on it
	}
	defer unix.Close(dir)
	var buf [4096]byte
	for {
		n, err := unix.Getdents(dir, buf[:])
		if err != nil {
			return os.NewSyscallError("getdents64", err)
		}
		if n == 0 {
			return nil
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if fd, err := strconv.Atoi(name); err == nil && fd >= first {
				closeIfInherited(fd)
			}
		}
	}
}
