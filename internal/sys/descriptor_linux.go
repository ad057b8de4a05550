package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// SendDescriptor is one sendmsg(2) of a message on a unix socket that keeps
// messages apart, with a descriptor unless fd is negative. It returns ErrWouldBlock
// when there is no room. A peer that is gone is EPIPE, never a signal.
func SendDescriptor(socket uintptr, message []byte, fd int) error {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	for {
		_, err := unix.SendmsgN(int(socket), message, rights, nil, unix.MSG_NOSIGNAL)
		switch err {
		case nil:
			return nil
		case unix.EINTR:
		case unix.EAGAIN:
			return ErrWouldBlock
		default:
			return os.NewSyscallError("sendmsg", err)
		}
	}
}

// ReceiveDescriptor is one recvmsg(2) of a message, of which what is longer than p
// is lost, and of the descriptor that came with it: -1 if none has. It is
// close-on-exec. Of several the first is taken, and the others are closed. The end
// is n == 0 without an error; EMFILE says that this process had no room for the
// descriptor. It returns ErrWouldBlock when nothing is there.
func ReceiveDescriptor(socket uintptr, p []byte) (n, fd int, err error) {
	control := make([]byte, unix.CmsgSpace(4)) // one descriptor, or two; the kernel closes what does not fit
	for {
		n, length, flags, _, err := unix.Recvmsg(int(socket), p, control, unix.MSG_CMSG_CLOEXEC)
		switch err {
		case nil:
			fd, err := received(control[:length])
			if err == nil && fd < 0 && flags&unix.MSG_CTRUNC != 0 {
				err = os.NewSyscallError("recvmsg", unix.EMFILE)
			}
			return n, fd, err
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, -1, ErrWouldBlock
		default:
			return 0, -1, os.NewSyscallError("recvmsg", err)
		}
	}
}

// received takes the first descriptor out of control messages.
func received(control []byte) (fd int, err error) {
	if len(control) == 0 {
		return -1, nil
	}
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return -1, os.NewSyscallError("recvmsg", err)
	}
	fd = -1
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // of another sort
		}
		for _, other := range fds {
			if fd < 0 {
				fd = other
			} else {
				unix.Close(other)
			}
		}
	}
	if fd < 0 {
		return -1, nil
	}
	return aboveStreams(fd)
}

// CloseDescriptor closes a descriptor that no file owns.
func CloseDescriptor(fd int) { unix.Close(fd) }

// NetNamespace returns the number of the network namespace in which a socket would be
// that the calling goroutine made: the inode number of the namespace, which no other
// one has as long as somebody is in it. It is 0 where /proc does not tell.
func NetNamespace() uint64 {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return 0
	}
	return st.Ino
}

// DescriptorLimit returns how many descriptors this process may have open.
func DescriptorLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return int(min(l.Cur, 1<<30))
}
