package mp

import (
	"errors"
	"fmt"
	"io"

	"github.com/multiproc/mp/internal/auth"
	"github.com/multiproc/mp/internal/socket"
	"github.com/multiproc/mp/internal/transport"
)

// Errors of connections.
var (
	// ErrAuthentication: the other end has another key, or none, or does not speak the
	// protocol. It is the error of Dial, and what OnReject gets.
	ErrAuthentication = auth.ErrAuthentication
	// ErrNotShareable: a handle on something shared cannot be sent over a connection
	// that was dialled or accepted, for the other end may be of another family of
	// processes. Nor can one be received there. A connection with TLS cannot be sent to
	// another process at all.
	ErrNotShareable = errors.New("handles on shared objects do not travel over a connection that was dialled or accepted")
	// ErrUnderway is matched, besides ctx.Err(), by the error of a Send whose context
	// ended when a part of the message had left already. The rest follows by itself:
	// who sends it again sends it twice. Without it, nothing has left.
	ErrUnderway = transport.ErrUnderway
	// ErrBrokenFraming: what the other end has sent is no length of a message. Nothing
	// more can be received.
	ErrBrokenFraming = transport.ErrBrokenFraming
	// ErrAddress: the address cannot be one of its network, or its host is not known.
	ErrAddress = socket.ErrAddress
)

// received is the outcome of receiving. The end is io.EOF as it is, which callers
// compare.
func received(what string, already, err error) error {
	if err == io.EOF {
		return err
	}
	return waitOutcome(what, already, err)
}

// A BufferTooShortError is returned by Conn.RecvBytesInto for a message that is
// longer than the buffer. The message has been received, and is here.
type BufferTooShortError struct {
	Message []byte // the whole of it
	Buffer  int    // the length of the buffer
}

// Error says how long both are.
func (e *BufferTooShortError) Error() string {
	return fmt.Sprintf("mp: Conn.RecvBytesInto: a message of %d bytes, and a buffer of %d", len(e.Message), e.Buffer)
}

// A MessageTooLongError is returned for a message that is longer than the receiver
// allows. It has been skipped, and the connection goes on.
type MessageTooLongError struct {
	Size, Max int // in bytes
}

// Error says how long it was, and how long it may be.
func (e *MessageTooLongError) Error() string {
	return fmt.Sprintf("a message of %d bytes, and %d are allowed: it has been skipped", e.Size, e.Max)
}
