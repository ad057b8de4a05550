package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// ReadSmall reads the file into buf and returns the part of buf that it fills; of
// a file that is longer than buf, the beginning. It is for the files of /proc and
// of control groups that are read again and again: os.ReadFile allocates, asks
// for the size and for the poller, and takes longer for that than the kernel takes
// to write most of these files.
func ReadSmall(path string, buf []byte) ([]byte, error) {
	fd, err := openRetry(path)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	n := 0
	for n < len(buf) {
		m, err := Read(uintptr(fd), buf[n:])
		if err != nil {
			return nil, err
		}
		if m == 0 {
			break
		}
		n += m
	}
	return buf[:n], nil
}

func openRetry(path string) (fd int, err error) {
	for {
		if fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != unix.EINTR {
			return fd, err
		}
	}
}
