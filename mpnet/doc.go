// Package mpnet lets sockets of package net travel between the processes of a
// program. It has nothing to call; a program imports it for what it does when it is
// initialised:
//
//	import _ "github.com/multiproc/mp/mpnet"
//
// From then on a net.Listener, net.Conn or net.PacketConn, and a *net.TCPListener,
// *net.UnixListener, *net.TCPConn, *net.UnixConn or *net.UDPConn, may be, or be in,
// the argument of a task, its result, an item of a queue, or what goes through a
// pipe, as an *os.File may without this package:
//
//	var serve = mp.Action(func(ctx context.Context, l net.Listener) error {
//		for {
//			c, err := l.Accept()
//			...
//		}
//	})
//
//	l, err := net.Listen("tcp", ":6000")
//	for range 4 {
//		err := mp.NewProcess(serve.With(l)).Start()
//	}
//
// Four processes now accept connections at one address: each connection goes to one
// of them. When one is killed, the others, and a new one in its place, go on; nobody
// who connects meanwhile is refused.
//
// # What the receiver gets
//
// A socket of its own on the same connection, address or queue of connections: it
// closes it, and the sender closes its own, when it likes; the connection ends when
// the last one is closed, and nothing of it is under way: see package mp. Both read the same stream: what one has read the other
// does not get. Deadlines belong to each side; socket options are the same for both.
//
// It is the socket that travels. What package net does not know of it stays behind:
// bytes that a bufio.Reader has read in advance, and whatever a type of your own does
// around a socket whose SyscallConn it has. What has no SyscallConn, such as a
// *tls.Conn, is mp.ErrNotShareable: send what is below, and put TLS around it there.
//
// # Files of unix sockets
//
// The Close of a *net.UnixListener removes the socket's file in the process that has
// made it with net.Listen, and then nobody can connect any more, although others
// listen still. If it is to close its own before they do, it says so first:
//
//	l.(*net.UnixListener).SetUnlinkOnClose(false)
//
// Then nobody removes the file: receivers do not. Names that begin with @ have none.
//
// # Cost
//
// The package is one of its own because package net costs each process of a program
// that imports it: memory, and with cgo on, half a millisecond of its start.
package mpnet
