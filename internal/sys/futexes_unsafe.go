//go:build linux

package sys

import (
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// MaxFutexes is how many words a Futexes has room for.
	MaxFutexes = 128

	futexSize32 = 2 // of the word; without FUTEX2_PRIVATE processes may share it
)

// futexWaiter is the kernel's struct futex_waitv.
type futexWaiter struct {
	expect   uint64
	address  uint64
	flags    uint32
	reserved uint32
}

// Futexes are words to sleep on, all at once.
type Futexes struct {
	words []*uint32 // keeps them where they are
	list  []futexWaiter
}

// Add adds a word, and what it is while there is reason to sleep.
//
// Precondition: there are fewer than MaxFutexes.
func (f *Futexes) Add(word *uint32, expect uint32) {
	f.words = append(f.words, word)
	f.list = append(f.list, futexWaiter{
		expect:  uint64(expect),
		address: uint64(uintptr(unsafe.Pointer(word))),
		flags:   futexSize32,
	})
}

// Wait sleeps while all words are what is expected, until a FutexWake of one of them,
// for at most timeout, which must be positive. It may return early. timedOut says that
// the time is up and nothing else has happened. The error is ErrNotSupported if the
// kernel is older than Linux 5.16, or does not let this process do it.
func (f *Futexes) Wait(timeout time.Duration) (timedOut bool, err error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return false, os.NewSyscallError("clock_gettime", err)
	}
	end := unix.NsecToTimespec(now.Nano() + int64(timeout))
	// Of this call all 64 bits of both parts of the time count, wherever it runs.
	at := [2]int64{int64(end.Sec), int64(end.Nsec)}
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(unsafe.SliceData(f.list))),
		uintptr(len(f.list)), 0, uintptr(unsafe.Pointer(&at)), unix.CLOCK_MONOTONIC, 0)
	runtime.KeepAlive(f)
	switch errno {
	case 0, unix.EAGAIN, unix.EINTR:
		return false, nil
	case unix.ETIMEDOUT:
		return true, nil
	default:
		return false, fmt.Errorf("futex_waitv: %w (%w)", ErrNotSupported, errno)
	}
}
