package sys

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// shmDir is where the C library's shm_open looks for its names.
const shmDir = "/dev/shm"

// A FileID tells a file from every other that exists at the same time.
type FileID struct{ Dev, Ino uint64 }

// ShmTemp makes an empty file without a name in the place for shared memory. It
// vanishes with its last descriptor and mapping, unless ShmLink names it.
func ShmTemp() (*os.File, error) {
	fd, err := unix.Open(shmDir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return nil, unsupported("open(" + shmDir + ", O_TMPFILE)")
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: shmDir, Err: err}
	}
	return NewFile(fd, "mp-shm")
}

// ShmLink gives a file of ShmTemp its name. A name that is taken is
// fs.ErrExist, and stays what it was.
func ShmLink(f *os.File, name string) error {
	return control(f, func(fd int) error {
		err := unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, ShmPath(name), unix.AT_SYMLINK_FOLLOW)
		if err != nil {
			return &fs.PathError{Op: "link", Path: ShmPath(name), Err: err}
		}
		return nil
	})
}

// ShmOpen opens an ordinary file of that name, and nothing else.
func ShmOpen(name string) (*os.File, error) {
	fd, err := unix.Open(ShmPath(name), unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: ShmPath(name), Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return nil, &fs.PathError{Op: "open", Path: ShmPath(name), Err: errors.New("not an ordinary file")}
	}
	return NewFile(fd, "mp-shm")
}

// ShmUnlink takes a name away. What has the file open or mapped keeps it.
func ShmUnlink(name string) error {
	if err := unix.Unlink(ShmPath(name)); err != nil {
		return &fs.PathError{Op: "unlink", Path: ShmPath(name), Err: err}
	}
	return nil
}

// ShmLookup returns which file has a name.
func ShmLookup(name string) (FileID, error) { return LookupFile(ShmPath(name)) }

// LookupFile returns which file has a path. It does not follow a symbolic link.
func LookupFile(path string) (FileID, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return FileID{}, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return FileID{Dev: st.Dev, Ino: st.Ino}, nil
}

// Identify returns which file is open, and its size.
func Identify(f *os.File) (id FileID, size int64, err error) {
	err = control(f, func(fd int) error {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return os.NewSyscallError("fstat", err)
		}
		id, size = FileID{Dev: st.Dev, Ino: st.Ino}, st.Size
		return nil
	})
	return id, size, err
}

// ShmFree returns how many bytes the place for shared memory has left; limited
// is false if it has no limit of its own.
func ShmFree() (free uint64, limited bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(shmDir, &st); err != nil || st.Blocks == 0 {
		return 0, false
	}
	return st.Bavail * uint64(st.Bsize), true
}

// OwnSession are the attributes of a process that signals of the terminal do not
// reach.
func OwnSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// ShmPath is the path of the file that has a name.
func ShmPath(name string) string { return shmDir + "/" + name }
