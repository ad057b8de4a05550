//go:build linux

package sys

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	futexWait = 0
	futexWake = 1
)

// FutexWait sleeps while *word is expect, until a FutexWake, for at most timeout,
// which must be positive. It may return early. The word may lie in memory that
// processes share; the calling thread gives up its share of the scheduler.
// timedOut says that the time is up and nothing else has happened.
func FutexWait(word *uint32, expect uint32, timeout time.Duration) (timedOut bool) {
	ts := unix.NsecToTimespec(int64(timeout))
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(expect),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	return errno == unix.ETIMEDOUT
}

// FutexWake wakes at most n of those who sleep on word, in whatever process, and
// returns how many.
func FutexWake(word *uint32, n int) int {
	woken, _, errno := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, uintptr(n), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(woken)
}

// FutexOwnerDied is the bit that the kernel sets in a word of a robust list when
// the thread whose number stands in the word has ended.
const FutexOwnerDied = 0x40000000

// robustList is the kernel's struct robust_list_head, with one entry.
type robustList struct {
	first   uintptr
	offset  int // from an entry to its word
	pending uintptr
	entry   uintptr // the list is circular: the entry leads back to the head
}

// A RobustThread is the calling thread's registration with the kernel of one
// word that is to be marked when the thread ends. It must stay reachable, and its
// goroutine locked to the thread, as long as the thread lives.
type RobustThread struct {
	list robustList
}

// Watch registers word: from now on, if word holds the thread's number when the
// thread ends, in whatever way, the kernel sets FutexOwnerDied in it. It replaces
// what was registered for the thread before.
func (r *RobustThread) Watch(word *uint32) error {
	head, entry := uintptr(unsafe.Pointer(&r.list)), uintptr(unsafe.Pointer(&r.list.entry))
	r.list.first = head // an empty list, while the rest is filled in
	r.list.entry = head
	r.list.offset = int(uintptr(unsafe.Pointer(word)) - entry)
	r.list.first = entry
	_, _, errno := unix.RawSyscall(unix.SYS_SET_ROBUST_LIST, head, unsafe.Offsetof(r.list.entry), 0)
	if errno != 0 {
		return os.NewSyscallError("set_robust_list", errno)
	}
	return nil
}

// ThreadID returns the number of the calling thread. Its goroutine should be
// locked to it.
func ThreadID() uint32 { return uint32(unix.Gettid()) }
