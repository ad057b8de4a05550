package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kind says what a frame is for. The values are in docs/protocol.md.
type Kind uint8

// The kinds of frame. Those below KindHello travel from the parent to the
// child, the others from the child to the parent.
const (
	KindSetup  Kind = 1 // control: who the child is and what it has to do
	KindCall   Kind = 2 // tasks: run some items; the number is that of the first
	KindResume Kind = 3 // tasks: go on after a revocation; the number is that of the next item
	KindCancel Kind = 4 // control: the item of that number is not wanted any more
	KindStop   Kind = 5 // control: end, or for a Process: cancel the target
	KindTrack  Kind = 6 // control: remove that block of shared memory when the parent is gone
	KindForget Kind = 7 // control: do not remove it

	KindHello  Kind = 16 // the child has set itself up
	KindRefuse Kind = 17 // the child cannot do what the setup asks; the body is the reason
	KindResult Kind = 18 // values of items, from that number on
	KindError  Kind = 19 // the item of that number failed
	KindReport Kind = 20 // how the target of a Process ended
)

// HeaderSize is the size of a frame's header: the length of the body (4 bytes),
// the kind (1) and the number (8), little-endian.
const HeaderSize = 13

// MaxBody is the longest body of a frame: what its length field can hold.
const MaxBody = 1<<32 - 1

// A Header precedes the body of a frame.
type Header struct {
	Length uint32
	Kind   Kind
	Number uint64
}

// PutHeader writes h into the first HeaderSize bytes of dst.
func PutHeader(dst []byte, h Header) {
	_ = dst[HeaderSize-1]
	binary.LittleEndian.PutUint32(dst, h.Length)
	dst[4] = byte(h.Kind)
	binary.LittleEndian.PutUint64(dst[5:], h.Number)
}

// ParseHeader reads a header from the first HeaderSize bytes of src.
func ParseHeader(src []byte) Header {
	_ = src[HeaderSize-1]
	return Header{
		Length: binary.LittleEndian.Uint32(src),
		Kind:   Kind(src[4]),
		Number: binary.LittleEndian.Uint64(src[5:]),
	}
}

// BeginFrame appends a header whose length is not known yet. EndFrame, given
// the position that dst had before, puts it in.
func BeginFrame(dst []byte, kind Kind, number uint64) []byte {
	var h [HeaderSize]byte
	PutHeader(h[:], Header{Kind: kind, Number: number})
	return append(dst, h[:]...)
}

// EndFrame completes the frame that BeginFrame began at position start. A body
// that is too long is an error; the caller then cuts dst back to start.
func EndFrame(dst []byte, start int) error {
	n := len(dst) - start - HeaderSize
	if uint64(n) > MaxBody {
		return &TooLargeError{Size: uint64(n), Limit: MaxBody}
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(n))
	return nil
}

// AppendFrame appends a whole frame.
func AppendFrame(dst []byte, kind Kind, number uint64, body []byte) ([]byte, error) {
	start := len(dst)
	dst = append(BeginFrame(dst, kind, number), body...)
	if err := EndFrame(dst, start); err != nil {
		return dst[:start], err
	}
	return dst, nil
}

// A Frame is a message. The body is valid until the next call of Next, unless
// Owned says that it belongs to the receiver.
type Frame struct {
	Kind   Kind
	Number uint64
	Body   []byte
	Owned  bool
}

// TooLargeError says that a message is longer than a frame can be.
type TooLargeError struct {
	Size, Limit uint64 // in bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("message of %d bytes is larger than the limit of %d", e.Size, e.Limit)
}

// ErrProtocol is matched by every error that a peer's bad bytes cause.
var ErrProtocol = errors.New("malformed message from another process")
