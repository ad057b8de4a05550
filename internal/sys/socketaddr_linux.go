package sys

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxUnixPath is the length of the longest path of a unix socket.
const MaxUnixPath = 107

// A SocketAddr is where a stream socket is: the path of a unix socket, which is an
// abstract one if it begins with NUL, or an IP address and port.
type SocketAddr struct {
	Unix    bool
	Packets bool // of a unix socket: each write is a message (SOCK_SEQPACKET); it is not in the names of sockets
	Path    string
	IP      netip.AddrPort
}

func (a SocketAddr) sockaddr() (family int, sa unix.Sockaddr, err error) {
	switch {
	case a.Unix && len(a.Path) > MaxUnixPath:
		return 0, nil, fmt.Errorf("a path of %d bytes for a unix socket; %d is the most: %w", len(a.Path), MaxUnixPath, unix.EINVAL)
	case a.Unix && len(a.Path) > 1 && strings.Contains(a.Path[1:], "\x00") && a.Path[0] != 0:
		return 0, nil, fmt.Errorf("a path with a NUL byte: %w", unix.EINVAL)
	case a.Unix:
		return unix.AF_UNIX, &unix.SockaddrUnix{Name: a.Path}, nil
	case a.IP.Addr().Is4() || a.IP.Addr().Is4In6():
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.IP.Port()), Addr: a.IP.Addr().Unmap().As4()}, nil
	case a.IP.Addr().Is6():
		sa := &unix.SockaddrInet6{Port: int(a.IP.Port()), Addr: a.IP.Addr().As16()}
		if zone := a.IP.Addr().Zone(); zone != "" {
			if sa.ZoneId, err = zoneID(zone); err != nil {
				return 0, nil, err
			}
		}
		return unix.AF_INET6, sa, nil
	}
	return 0, nil, fmt.Errorf("no address: %w", unix.EINVAL)
}

// zoneID is the number of a network interface, by name or as a number.
func zoneID(zone string) (uint32, error) {
	var n uint32
	if _, err := fmt.Sscanf(zone, "%d", &n); err == nil {
		return n, nil
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(zone)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return 0, os.NewSyscallError("ioctl(SIOCGIFINDEX)", err)
	}
	return req.Uint32(), nil
}

func addrOf(sa unix.Sockaddr) SocketAddr {
	switch sa := sa.(type) {
	case *unix.SockaddrUnix:
		path := sa.Name
		if path == "@" {
			path = "" // unnamed
		} else if strings.HasPrefix(path, "@") {
			path = "\x00" + path[1:]
		}
		return SocketAddr{Unix: true, Path: path}
	case *unix.SockaddrInet4:
		return SocketAddr{IP: netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))}
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			ip = ip.WithZone(fmt.Sprint(sa.ZoneId))
		}
		return SocketAddr{IP: netip.AddrPortFrom(ip, uint16(sa.Port))}
	}
	return SocketAddr{}
}
