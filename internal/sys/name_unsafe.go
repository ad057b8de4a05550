//go:build linux

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// NameThread gives the calling thread a name, of which the kernel keeps 15 bytes.
// That of the main thread is what ps and top call the process: a child that was
// executed as /proc/self/exe would be "exe" there.
func NameThread(name string) {
	b := append([]byte(name), 0)
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&b[0])), 0, 0, 0)
}
