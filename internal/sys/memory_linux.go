package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// MemFile makes an unnamed file in memory of the given size, close-on-exec.
// Its pages come into being when they are touched.
func MemFile(name string, size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f, err := NewFile(fd, name)
	if err != nil {
		return nil, err
	}
	if size > 0 {
		if err := f.Truncate(size); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// MapShared maps the first size bytes of f, shared and writable. The mapping
// outlives f.
func MapShared(f *os.File, size int) (mem []byte, err error) {
	err = control(f, func(fd int) error {
		mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		return os.NewSyscallError("mmap", err)
	})
	return mem, err
}

// MapAnonymous maps size bytes of zeros, outside the Go heap.
func MapAnonymous(size int) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	return mem, os.NewSyscallError("mmap", err)
}

// Unmap undoes MapShared and MapAnonymous. Nothing may use mem afterwards.
func Unmap(mem []byte) error {
	return os.NewSyscallError("munmap", unix.Munmap(mem))
}
