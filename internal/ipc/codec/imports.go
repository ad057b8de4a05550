package codec

import "reflect"

// ofNet are the types of package net that travel in programs that import package mpnet. This package knows them by
// name only: a program that imports net starts later.
var ofNet = map[string]bool{
	"Listener": true, "Conn": true, "PacketConn": true,
	"TCPListener": true, "UnixListener": true, "TCPConn": true, "UnixConn": true, "UDPConn": true,
}

// missing says what to import for a type that has no Special so far; empty if that would not help.
func missing(t reflect.Type) string {
	named := t
	if t.Kind() == reflect.Pointer {
		named = t.Elem()
	}
	if named.PkgPath() != "net" || !ofNet[named.Name()] {
		return ""
	}
	switch wanted := (named.Kind() == reflect.Interface) != (t.Kind() == reflect.Pointer); {
	case wanted:
		return "cannot travel as it is: import github.com/multiproc/mp/mpnet"
	case t.Kind() == reflect.Struct:
		return "cannot travel: use a pointer to it, and import github.com/multiproc/mp/mpnet"
	}
	return "" // a pointer to an interface: the interface has a reason of its own
}
