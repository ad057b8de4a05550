//go:build linux

package workloads

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// monotonic returns the time in nanoseconds since some moment, the same for all
// processes of the machine; package time keeps that to itself.
func monotonic() int64 {
	const clockMonotonic = 1
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		panic(os.NewSyscallError("clock_gettime", errno))
	}
	return ts.Nano()
}

// arenaUse finds the arena among this process's descriptors.
func arenaUse() (u use, err error) {
	const directory = "/proc/self/fd"
	entries, err := os.ReadDir(directory)
	if err != nil {
		return u, err
	}
	u.descriptors = len(entries)
	for _, e := range entries {
		path := directory + "/" + e.Name()
		target, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(target, "/memfd:mp-arena") {
			continue // the descriptor of the directory is closed by now
		}
		info, err := os.Stat(path)
		if err != nil {
			return u, err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return u, fmt.Errorf("stat of %s has no blocks", path)
		}
		u.bytes = 512 * stat.Blocks
		return u, nil
	}
	return u, errors.New("this process has no arena")
}
