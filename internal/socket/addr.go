package socket

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/multiproc/mp/internal/sys"
)

// ErrAddress is matched by the error of an address that cannot be one.
var ErrAddress = errors.New("not an address")

// A Resolver finds the addresses of a host; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// hostsFile names hosts that need no resolver.
const hostsFile = "/etc/hosts"

// Resolve returns the places that an address of the network "unix", "tcp", "tcp4" or
// "tcp6" stands for, at least one. An empty host is this machine: to listen, all of
// its addresses. A nil resolver knows numbers, localhost, and the hosts file.
func Resolve(ctx context.Context, r Resolver, network, address string, listen bool) ([]sys.SocketAddr, error) {
	switch network {
	case "unix":
		path, err := unixPath(address)
		return []sys.SocketAddr{{Unix: true, Path: path}}, err
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("network %q: %w: it is unix, tcp, tcp4 or tcp6", network, ErrAddress)
	}
	host, port, err := splitHostPort(address)
	if err != nil {
		return nil, err
	}
	ips, err := lookup(ctx, r, network, host, listen)
	if err != nil {
		return nil, err
	}
	var places []sys.SocketAddr
	for _, ip := range ips {
		if v4 := ip.Is4() || ip.Is4In6(); network == "tcp" || v4 == (network == "tcp4") {
			places = append(places, sys.SocketAddr{IP: netip.AddrPortFrom(ip, port)})
		}
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("%q has no address of the network %s: %w", host, network, ErrAddress)
	}
	return places, nil
}

// unixPath checks the path of a unix socket. A name that begins with @ or NUL is
// abstract, and has no file.
func unixPath(address string) (string, error) {
	path := address
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:]
	}
	switch {
	case len(path) == 0 || path == "\x00":
		return "", fmt.Errorf("%w: %q is no path", ErrAddress, address)
	case len(path) > sys.MaxUnixPath:
		return "", fmt.Errorf("%w: the path of a unix socket has at most %d bytes, and this %d", ErrAddress, sys.MaxUnixPath, len(path))
	case path[0] != 0 && strings.Contains(path, "\x00"):
		return "", fmt.Errorf("%w: %q has a NUL byte in it", ErrAddress, path)
	}
	return path, nil
}

// splitHostPort takes "host:port" and "[host]:port" apart.
func splitHostPort(address string) (host string, port uint16, err error) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return "", 0, fmt.Errorf("%w: %q has no port", ErrAddress, address)
	}
	host = address[:i]
	n, err := strconv.ParseUint(address[i+1:], 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %q has no port from 0 to 65535", ErrAddress, address)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if host, ok = strings.CutSuffix(inner, "]"); !ok {
			return "", 0, fmt.Errorf("%w: %q lacks a bracket", ErrAddress, address)
		}
	} else if strings.Contains(host, ":") {
		return "", 0, fmt.Errorf("%w: the IPv6 address in %q needs brackets around it", ErrAddress, address)
	}
	return host, uint16(n), nil
}

var (
	loopback = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	anywhere = []netip.Addr{netip.IPv6Unspecified(), netip.IPv4Unspecified()}
)

func lookup(ctx context.Context, r Resolver, network, host string, listen bool) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	switch {
	case host == "" && listen:
		return anywhere, nil
	case host == "" || strings.EqualFold(host, "localhost"):
		return loopback, nil
	case r == nil:
		if ips := inHostsFile(host); len(ips) > 0 {
			return ips, nil
		}
		return nil, fmt.Errorf("the host %q is not in %s; to ask a name server, set Resolver to net.DefaultResolver: %w", host, hostsFile, ErrAddress)
	}
	ips, err := r.LookupNetIP(ctx, "ip"+strings.TrimPrefix(network, "tcp"), host)
	if err == nil && len(ips) == 0 {
		err = fmt.Errorf("the host %q has no address: %w", host, ErrAddress)
	}
	return ips, err
}

func inHostsFile(host string) (ips []netip.Addr) {
	text, err := os.ReadFile(hostsFile)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		ip, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		for _, name := range words[1:] {
			if strings.EqualFold(name, host) {
				ips = append(ips, ip)
			}
		}
	}
	return ips
}

// Text returns the network and the address in the way in which package net writes
// them: abstract names of unix sockets begin with @.
func Text(a sys.SocketAddr) (network, address string) {
	switch {
	case !a.Unix && !a.IP.IsValid():
		return "tcp", ""
	case !a.Unix:
		return "tcp", netip.AddrPortFrom(a.IP.Addr().Unmap(), a.IP.Port()).String()
	case strings.HasPrefix(a.Path, "\x00"):
		return "unix", "@" + a.Path[1:]
	}
	return "unix", a.Path
}
