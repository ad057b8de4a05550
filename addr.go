package mp

import (
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/sys"
)

// An Addr is the address of an end of a connection or of a Listener. It has the
// methods of net.Addr, and can be compared.
type Addr struct{ network, address string }

// Network is "unix" or "tcp"; it is empty for the zero Addr, that of a Pipe.
func (a Addr) Network() string { return a.network }

// String returns the path of a unix socket, with @ in front of a name that is
// abstract, or host:port. An end of a unix socket that has no name is "".
func (a Addr) String() string { return a.address }

func addrOf(a sys.SocketAddr) Addr {
	network, address := socket.Text(a)
	return Addr{network, address}
}
