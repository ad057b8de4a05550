package sys

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// MapArena maps the first size bytes of an unlinked file, shared, and leaves them
// out of core dumps, which would otherwise bring all of it into being.
func MapArena(f *os.File, size int) ([]byte, error) {
	mem, err := MapShared(f, size)
	if err != nil {
		return nil, err
	}
	if err := unix.Madvise(mem, unix.MADV_DONTDUMP); err != nil {
		unix.Munmap(mem)
		return nil, os.NewSyscallError("madvise(MADV_DONTDUMP)", err)
	}
	return mem, nil
}

// CanMap says whether the process has room for another mapping of size bytes.
func CanMap(size int) bool {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return false
	}
	unix.Munmap(mem)
	return true
}

// SparseFile makes an unnamed file in memory of the given size, which nobody can
// change any more, and none of whose pages exist yet. The descriptor is
// close-on-exec. ErrTooLarge is returned for a size beyond the limits of the
// process.
func SparseFile(name string, size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	if fd, err = aboveStreams(fd); err != nil {
		return nil, err
	}
	if err := unix.Ftruncate(fd, size); err != nil {
		unix.Close(fd)
		if errors.Is(err, syscall.EFBIG) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.EINVAL) {
			return nil, ErrTooLarge
		}
		return nil, os.NewSyscallError("ftruncate", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl(F_ADD_SEALS)", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Reserve brings the pages of a file's range into being, so that touching them
// cannot fail any more.
func Reserve(f *os.File, off, size int64) error {
	return allocate(f, unix.FALLOC_FL_KEEP_SIZE, off, size)
}

// Punch gives the pages of a file's range back: they read as zero again.
func Punch(f *os.File, off, size int64) error {
	return allocate(f, unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE, off, size)
}

func allocate(f *os.File, mode uint32, off, size int64) error {
	return control(f, func(fd int) error {
		for {
			err := unix.Fallocate(fd, mode, off, size)
			if err != unix.EINTR {
				return os.NewSyscallError("fallocate", err)
			}
		}
	})
}

// FileSizeLimit returns the size that no file of this process may exceed. To
// ask for more is a signal that ends the process.
func FileSizeLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return 1 << 63
	}
	return limit.Cur
}

// TotalMemory returns the size of the machine's memory; 0 if it is unknown.
func TotalMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}
