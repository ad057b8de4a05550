// Package transport is what lies between a connection and that which carries its
// messages: a socket (internal/stream), or memory.
package transport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc/mp/internal/shm"
)

var (
	// ErrClosed is returned by calls on a closed transport, also by those that were
	// waiting.
	ErrClosed = shm.ErrClosed
	// ErrUnderway is matched, besides the context's own error, by that of a Send whose
	// context has ended when a part of the message had left. The rest follows.
	ErrUnderway = errors.New("a part of the message has left, and the rest will follow: do not send it again")
	// ErrBrokenFraming is matched by the error of a transport from which nothing more
	// can be received, because where the next message begins is not known.
	ErrBrokenFraming = errors.New("the stream of messages is broken")
)

// A Transport carries whole messages. Any number of goroutines may use it, each
// with its own context: one that ends takes nothing with it but its own call.
type Transport interface {
	// Send hands a message over, and does not keep it.
	Send(ctx context.Context, msg []byte) error
	// Recv takes the next message into the room that take provides.
	Recv(ctx context.Context, take Take) error
	// Poll waits until a message has begun to arrive, or nothing more can. It looks
	// once, at least, also if ctx has ended.
	Poll(ctx context.Context) (bool, error)
	Close() error
}

// A Take provides room for a message of size bytes: a slice at least that long, or
// an error, which Recv returns when it has skipped the message.
//
// The size is what the sender claims. So a Take may be careful, and return less:
// when that room is full, it is called again with the same size, and returns a
// longer slice that begins with what has come so far, or an error. See Careful.
type Take func(size int) ([]byte, error)

const (
	// careless is the size of a message up to which Careful believes the sender.
	careless = 4 << 20
	// growth is by how much room grows when it is full.
	growth = 4
)

// Careful returns the next room for a message of size bytes, of which room (nil at
// first) is full. It reserves at most a few times what has arrived.
func Careful(room []byte, size int) []byte {
	next := min(size, max(careless, growth*len(room)))
	if cap(room) >= next {
		return room[:next]
	}
	bigger := make([]byte, next)
	copy(bigger, room)
	return bigger
}

// Fill is the loop of Recv, for implementations: it gets room from take and has
// read fill it, all of what it is given.
func Fill(size int, take Take, read func(p []byte) error) error {
	room, err := take(size)
	for have := 0; err == nil; {
		end := min(len(room), size)
		if end <= have && have < size {
			return fmt.Errorf("no room for a message of %d bytes behind %d", size, have)
		}
		if err = read(room[have:end]); err != nil {
			return err
		}
		if have = end; have == size {
			return nil
		}
		room, err = take(size)
	}
	return err
}

// A Carrier is a stream of bytes in two directions with deadlines: a socket, or TLS
// on top of one. After a deadline reading can go on where it was.
type Carrier interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	Close() error
}

// A Security puts something between the stream and the socket that carries it.
// Package mptls makes one of a *tls.Config.
type Security interface {
	// Secure runs the handshake. Of the side that has dialled, host is the name that
	// it has dialled. The socket is the caller's still if it fails.
	Secure(ctx context.Context, socket Carrier, dialled bool, host string) (Carrier, error)
}
