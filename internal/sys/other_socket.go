//go:build !linux

package sys

import (
	"net/netip"
	"os"
)

// MaxUnixPath is the length of the longest path of a unix socket.
const MaxUnixPath = 103

// A SocketAddr is where a stream socket is.
type SocketAddr struct {
	Unix    bool
	Packets bool
	Path    string
	IP      netip.AddrPort
}

// What sockets need of the system.

func ListenSocket(SocketAddr, uint32, int) (*os.File, error) { return nil, unsupported("ListenSocket") }
func AcceptSocket(uintptr) (*os.File, error)                 { return nil, unsupported("AcceptSocket") }
func ConnectSocket(SocketAddr) (*os.File, bool, error) {
	return nil, false, unsupported("ConnectSocket")
}
func ConnectResult(uintptr) error { return unsupported("ConnectResult") }
func SocketNames(*os.File) (local, remote SocketAddr, err error) {
	return local, remote, unsupported("SocketNames")
}
func PeerOfSocket(*os.File) (uint32, int, error)      { return 0, 0, unsupported("PeerOfSocket") }
func DupSocket(*os.File) (*os.File, error)            { return nil, unsupported("DupSocket") }
func SendSocket(uintptr, []byte, []byte) (int, error) { return 0, unsupported("SendSocket") }
func Readable(uintptr) bool                           { return true }

// What passing descriptors needs.

func SendDescriptor(uintptr, []byte, int) error { return unsupported("SendDescriptor") }
func ReceiveDescriptor(uintptr, []byte) (n, fd int, err error) {
	return 0, -1, unsupported("ReceiveDescriptor")
}
func CloseDescriptor(int)  {}
func DescriptorLimit() int { return 0 }
func NetNamespace() uint64 { return 0 }
