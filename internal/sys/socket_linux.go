package sys

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// How many seconds of silence the kernel waits before it asks whether the other end of
// a tcp connection still exists, and how often it asks: what package net has.
const (
	keepAliveIdle  = 15
	keepAliveCount = 9
)

// ListenSocket opens a socket that listens. If a is the path of a unix socket, the
// file gets the permissions perm from the start, whatever the umask. The IPv6
// address :: is for IPv4 too.
func ListenSocket(a SocketAddr, perm uint32, backlog int) (*os.File, error) {
	family, sa, err := a.sockaddr()
	if err != nil {
		return nil, err
	}
	fd, err := openSocket(family, a)
	if err != nil {
		return nil, err
	}
	if err := bindAndListen(fd, family, sa, a, perm, backlog); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "mp-listener"), nil
}

func bindAndListen(fd, family int, sa unix.Sockaddr, a SocketAddr, perm uint32, backlog int) error {
	path := ""
	switch {
	case a.Unix && !strings.HasPrefix(a.Path, "\x00"):
		path = a.Path
		// The file takes the permissions that the socket has before it is bound; the
		// umask can take some away from these.
		if err := unix.Fchmod(fd, perm); err != nil {
			return os.NewSyscallError("fchmod", err)
		}
	case !a.Unix:
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return os.NewSyscallError("setsockopt(SO_REUSEADDR)", err)
		}
		if family == unix.AF_INET6 {
			only := 1
			if a.IP.Addr().IsUnspecified() {
				only = 0
			}
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
		}
	}
	if err := unix.Bind(fd, sa); err != nil {
		return os.NewSyscallError("bind", err)
	}
	err := os.NewSyscallError("listen", unix.Listen(fd, backlog))
	if err == nil && path != "" {
		err = widen(path, perm)
	}
	if err != nil && path != "" {
		_ = unix.Unlink(path)
	}
	return err
}

// widen gives a new file the permissions that the umask has taken from it.
func widen(path string, perm uint32) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return os.NewSyscallError("lstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK || st.Mode&0o777 == perm {
		return nil
	}
	return os.NewSyscallError("chmod", unix.Chmod(path, perm))
}

func openSocket(family int, a SocketAddr) (int, error) {
	kind := unix.SOCK_STREAM
	if a.Packets {
		kind = unix.SOCK_SEQPACKET
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	return aboveStreams(fd)
}

// AcceptSocket is one accept(2) on a socket that listens. It returns ErrWouldBlock
// when nobody is waiting.
func AcceptSocket(fd uintptr) (*os.File, error) {
	for {
		conn, _, err := unix.Accept4(int(fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			if conn, err = aboveStreams(conn); err != nil {
				return nil, err
			}
			setTCP(conn)
			return os.NewFile(uintptr(conn), "mp-socket"), nil
		case unix.EINTR:
		case unix.EAGAIN:
			return nil, ErrWouldBlock
		default:
			return nil, os.NewSyscallError("accept4", err)
		}
	}
}

// ConnectSocket opens a socket and begins to connect it. If pending, it is connected
// when it can be written to and ConnectResult returns nil. It returns ErrWouldBlock
// if a unix socket's queue is full.
func ConnectSocket(a SocketAddr) (f *os.File, pending bool, err error) {
	family, sa, err := a.sockaddr()
	if err != nil {
		return nil, false, err
	}
	fd, err := openSocket(family, a)
	if err != nil {
		return nil, false, err
	}
	switch err = unix.Connect(fd, sa); err {
	case nil:
	case unix.EINPROGRESS, unix.EINTR:
		pending = true
	case unix.EAGAIN:
		unix.Close(fd)
		return nil, false, ErrWouldBlock
	default:
		unix.Close(fd)
		return nil, false, os.NewSyscallError("connect", err)
	}
	setTCP(fd)
	return os.NewFile(uintptr(fd), "mp-socket"), pending, nil
}

// ConnectResult returns how connecting has ended. It returns ErrWouldBlock if it has
// not.
func ConnectResult(fd uintptr) error {
	n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt(SO_ERROR)", err)
	}
	if n != 0 {
		return os.NewSyscallError("connect", unix.Errno(n))
	}
	if _, err := unix.Getpeername(int(fd)); err != nil {
		return ErrWouldBlock
	}
	return nil
}

// setTCP makes small messages leave at once and dead peers be noticed. On other
// sockets it does nothing.
func setTCP(fd int) {
	if unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) != nil {
		return
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAliveIdle)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAliveIdle)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveCount)
}

// SocketNames returns the addresses of both ends of a socket; that of the other end
// is zero if it is not connected.
func SocketNames(f *os.File) (local, remote SocketAddr, err error) {
	err = control(f, func(fd int) error {
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return os.NewSyscallError("getsockname", err)
		}
		local = addrOf(sa)
		if sa, err := unix.Getpeername(fd); err == nil {
			remote = addrOf(sa)
		}
		return nil
	})
	return local, remote, err
}

// PeerOfSocket returns the user and the process at the other end of a unix socket,
// as they were when it was connected.
func PeerOfSocket(f *os.File) (uid uint32, pid int, err error) {
	err = control(f, func(fd int) error {
		cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return os.NewSyscallError("getsockopt(SO_PEERCRED)", err)
		}
		uid, pid = cred.Uid, int(cred.Pid)
		return nil
	})
	return uid, pid, err
}

// DupSocket returns a second descriptor of a connected stream socket.
func DupSocket(f *os.File) (dup *os.File, err error) {
	err = control(f, func(fd int) error {
		if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
			return os.NewSyscallError("getsockopt(SO_TYPE)", err)
		} else if kind != unix.SOCK_STREAM {
			return fmt.Errorf("not a stream socket: %w", unix.EPROTOTYPE)
		}
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", err)
		}
		if err := unix.SetNonblock(n, true); err != nil {
			unix.Close(n)
			return os.NewSyscallError("fcntl(O_NONBLOCK)", err)
		}
		dup = os.NewFile(uintptr(n), "mp-socket")
		return nil
	})
	return dup, err
}

// SendSocket is one sendmsg(2) of the bytes of head and then of body; it may send
// less than all of them. It returns ErrWouldBlock when there is no room. A peer that
// is gone is EPIPE, never a signal.
func SendSocket(fd uintptr, head, body []byte) (n int, err error) {
	return transfer("sendmsg", func(fd int, head []byte) (int, error) {
		if len(body) == 0 {
			return unix.SendmsgN(fd, head, nil, nil, unix.MSG_NOSIGNAL)
		}
		return unix.SendmsgBuffers(fd, [][]byte{head, body}, nil, nil, unix.MSG_NOSIGNAL)
	}, fd, head)
}

// Readable says whether a read from a socket would return at once, with bytes, the
// end, or an error. It takes nothing away.
func Readable(fd uintptr) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
	for {
		n, err := unix.Poll(p, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0 || err != nil
		}
	}
}
