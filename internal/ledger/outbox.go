package ledger

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/multiproc/mp/internal/ipc"
)

// Prefix is the number of bytes between the start of a result frame and its
// payload: the frame's header, and the body's count and elapsed time. docs/
// protocol.md draws it.
const Prefix = ipc.HeaderSize + ResultHead

// ResultHead is the size of what precedes the results in the body of a result
// frame: their count (4 bytes), how many bytes of padding follow (4), and how
// long they took (8, in nanoseconds). Padding puts the results of fixed size
// where the worker can store them as what they are.
const ResultHead = 16

// alignment of the payload of a frame with fixed-size results.
const alignment = 16

// Outbox is the worker's end of the outbox: frames are appended, one of them
// may be under construction, and Bytes is what goes to the pipe.
//
// The order of the stores is what makes it survive a kill: a frame is filled in
// first, then counted in (closed), then no longer under construction (open). A
// parent that finds a frame in both states takes it once, for frames bear the
// number of their first item.
type Outbox struct {
	l *Ledger
	// at is where the next frame may begin.
	at int
}

// NewOutbox returns the worker's end. The outbox must be empty.
func NewOutbox(l *Ledger) *Outbox { return &Outbox{l: l} }

// Open begins a result frame whose first item has the given number. head bytes
// of it, behind Prefix, are for the header of the results' encoding. item is
// the size of each result; 0 means that they are of any size. It returns where
// the payload begins, and how much room there is; 0: flush first.
func (o *Outbox) Open(number uint64, head, item int) (payload, room int) {
	payload = o.at + Prefix + head
	if item > 0 {
		payload = (payload + alignment - 1) &^ (alignment - 1)
	}
	room = OutboxSize - payload
	if room < item || room < 64 {
		return 0, 0
	}
	l := o.l
	*l.first = number
	*l.payload = uint64(payload)
	*l.end = uint64(payload)
	*l.item = uint64(item)
	atomic.StoreUint64(l.open, uint64(o.at)+1)
	return payload, room
}

// Extend notes that the payload of the open frame now ends at end.
func (o *Outbox) Extend(end int) { *o.l.end = uint64(end) }

// Close completes the open frame, which ends at end: it fills in the header,
// the count of results and the time that they took. The header of the results'
// encoding, head bytes before payload, is the caller's.
func (o *Outbox) Close(number uint64, payload, head, end, count int, elapsed uint64) {
	box := o.l.Outbox()
	frame := box[o.at:end]
	ipc.PutHeader(frame, ipc.Header{
		Length: uint32(len(frame) - ipc.HeaderSize),
		Kind:   ipc.KindResult,
		Number: number,
	})
	PutResultHead(frame[ipc.HeaderSize:], count, payload-head-o.at-Prefix, elapsed)
	o.at = end
	atomic.StoreUint64(o.l.closed, uint64(end))
	atomic.StoreUint64(o.l.open, 0)
}

// PutResultHead writes the head of a result frame's body.
func PutResultHead(dst []byte, count, padding int, elapsed uint64) {
	_ = dst[ResultHead-1]
	binary.LittleEndian.PutUint32(dst, uint32(count))
	binary.LittleEndian.PutUint32(dst[4:], uint32(padding))
	binary.LittleEndian.PutUint64(dst[8:], elapsed)
}

// ParseResult splits the body of a result frame.
func ParseResult(body []byte) (count int, elapsed uint64, results []byte, err error) {
	if len(body) < ResultHead {
		return 0, 0, nil, fmt.Errorf("result of %d bytes: %w", len(body), ipc.ErrProtocol)
	}
	n, padding := binary.LittleEndian.Uint32(body), binary.LittleEndian.Uint32(body[4:])
	elapsed = binary.LittleEndian.Uint64(body[8:])
	body = body[ResultHead:]
	if uint64(padding) > uint64(len(body)) || n > 1<<31-1 {
		return 0, 0, nil, fmt.Errorf("result with %d items and %d bytes of padding: %w", n, padding, ipc.ErrProtocol)
	}
	return int(n), elapsed, body[padding:], nil
}

// Drop forgets the open frame, which has no results.
func (o *Outbox) Drop() { atomic.StoreUint64(o.l.open, 0) }

// Append adds a whole frame; false means that there is no room for it.
//
// Preconditions: no frame is open.
func (o *Outbox) Append(frame []byte) bool {
	if len(frame) > OutboxSize-o.at {
		return false
	}
	copy(o.l.Outbox()[o.at:], frame)
	o.at += len(frame)
	atomic.StoreUint64(o.l.closed, uint64(o.at))
	return true
}

// Bytes returns the whole frames that have not been written yet.
func (o *Outbox) Bytes() []byte { return o.l.Outbox()[:o.at] }

// Len returns how many bytes of whole frames wait.
func (o *Outbox) Len() int { return o.at }

// Written empties the outbox after Bytes has been written to the pipe.
func (o *Outbox) Written() {
	o.at = 0
	atomic.AddUint64(o.l.writes, 1)
	atomic.StoreUint64(o.l.closed, 0)
}
