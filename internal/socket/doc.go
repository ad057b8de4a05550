// Package socket is stream sockets over the runtime's poller: unix sockets and tcp.
//
// Why not package net? With cgo on, which is the default, importing it makes a
// program dynamic, and every worker, which is the same program, starts half a
// millisecond later: a third to a half of its start. Package mp is imported by
// programs that never open a socket. All that net would give besides is the names of
// hosts, and those a net.Resolver can look up that the user hands over.
package socket
