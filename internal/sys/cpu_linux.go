package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// AffinityCPUs returns how many CPUs the kernel lets this process run on.
func AffinityCPUs() (int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0, os.NewSyscallError("sched_getaffinity", err)
	}
	return set.Count(), nil
}

// YieldCPU lets another thread have this thread's CPU, if one waits for it.
func YieldCPU() { _, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
