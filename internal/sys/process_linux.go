package sys

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Program says what Start executes and how.
type Program struct {
	Path  string   // the image
	Args  []string // with the program's name first
	Env   []string
	Dir   string               // "": the caller's
	Files []uintptr            // the child's descriptors 0, 1, 2, ...
	Attr  *syscall.SysProcAttr // nil: nothing special; it is copied
	// DieWithThread sends the child SIGKILL when the calling thread ends.
	DieWithThread bool
}

// A Child is a process that was started by Start and has not been reaped, or
// not been released, yet.
type Child struct {
	PID   int
	pidfd *os.File
}

// Start executes a program. Call it from a thread that lives as long as the
// process, if DieWithThread is set.
func Start(p *Program) (*Child, error) {
	attr := syscall.SysProcAttr{}
	if p.Attr != nil {
		attr = *p.Attr
	}
	if p.DieWithThread {
		attr.Pdeathsig = syscall.SIGKILL
	}
	pidfd := -1
	attr.PidFD = &pidfd
	pid, err := syscall.ForkExec(p.Path, p.Args, &syscall.ProcAttr{Dir: p.Dir, Env: p.Env, Files: p.Files, Sys: &attr})
	if err != nil {
		return nil, os.NewSyscallError("fork/exec "+p.Path, err)
	}
	if pidfd < 0 {
		return nil, abandon(pid, unsupported("clone(CLONE_PIDFD)"))
	}
	if err := unix.SetNonblock(pidfd, true); err != nil {
		unix.Close(pidfd)
		return nil, abandon(pid, os.NewSyscallError("fcntl(O_NONBLOCK)", err))
	}
	file, err := newPolled(pidfd, "mp-pidfd")
	if err != nil {
		return nil, abandon(pid, err)
	}
	return &Child{PID: pid, pidfd: file}, nil
}

// abandon ends a child that cannot be looked after.
func abandon(pid int, why error) error {
	_ = unix.Kill(pid, unix.SIGKILL)
	var status unix.WaitStatus
	_, _ = unix.Wait4(pid, &status, 0, nil)
	return why
}

// Exit says how a process ended.
type Exit struct {
	Code   int            // of exit(2); -1 if a signal ended it
	Signal syscall.Signal // 0: it exited by itself
	Known  bool           // false: somebody else reaped it, so nothing is known
	MaxRSS int64          // the peak of its resident memory, in bytes
	CPU    time.Duration  // user and system time
}

// Wait waits in the poller until the process has ended, and reaps it. Only one
// call may be made.
func (c *Child) Wait() (Exit, error) {
	rc, err := c.pidfd.SyscallConn()
	if err != nil {
		return Exit{}, err
	}
	var exit Exit
	var failed error
	err = rc.Read(func(uintptr) bool {
		var done bool
		exit, done, failed = reap(c.PID)
		return done
	})
	return exit, errors.Join(err, failed)
}

// reap asks whether pid, a child of ours, has ended. No other process can have
// that number before it is reaped.
func reap(pid int) (exit Exit, done bool, err error) {
	var status unix.WaitStatus
	var usage unix.Rusage
	for {
		got, err := unix.Wait4(pid, &status, unix.WNOHANG, &usage)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ECHILD: // SIGCHLD is ignored, or a foreign wait took it
			return Exit{Code: -1}, true, nil
		case err != nil:
			return Exit{}, true, os.NewSyscallError("wait4", err)
		case got == 0:
			return Exit{}, false, nil
		}
		exit = Exit{
			Code:   status.ExitStatus(),
			Known:  true,
			MaxRSS: usage.Maxrss << 10,
			CPU:    time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		}
		if status.Signaled() {
			exit.Code, exit.Signal = -1, syscall.Signal(status.Signal())
		}
		return exit, true, nil
	}
}

// Signal sends sig through the pidfd, so that it never reaches another process
// that got the same number. A process that has ended already is no error.
func (c *Child) Signal(sig syscall.Signal) error {
	err := control(c.pidfd, func(fd int) error {
		return unix.PidfdSendSignal(fd, sig, nil, 0)
	})
	if err == nil || errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

// Release closes the pidfd. Signal does nothing afterwards.
func (c *Child) Release() error { return c.pidfd.Close() }

// Image identifies the running executable: two processes with equal images run
// the same file, also if it has been deleted or replaced meanwhile.
type Image struct {
	Dev, Ino  uint64
	Size      int64
	MTimeNano int64
}

// ImagePath leads to the image of the process that opens it, which for a
// program that Start executes is that of the caller.
const ImagePath = "/proc/self/exe"

// RunningImage looks at the image of this process.
func RunningImage() (Image, error) {
	var st unix.Stat_t
	if err := unix.Stat(ImagePath, &st); err != nil {
		return Image{}, &os.PathError{Op: "stat", Path: ImagePath, Err: err}
	}
	return Image{Dev: uint64(st.Dev), Ino: st.Ino, Size: st.Size, MTimeNano: st.Mtim.Nano()}, nil
}

// KillSelf ends this process at once.
func KillSelf() {
	_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}
