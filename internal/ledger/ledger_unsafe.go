package ledger

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// A Ledger is one side's view of the shared memory.
type Ledger struct {
	mem []byte

	gate    *uint64
	started *uint64
	done    *uint64
	closed  *uint64
	open    *uint64
	first   *uint64
	payload *uint64
	end     *uint64
	item    *uint64
	writes  *uint64
}

// New returns a view of mem, which must be a shared mapping of Size bytes that
// was zero when the first of the two sides called New.
func New(mem []byte) (*Ledger, error) {
	if len(mem) != Size {
		return nil, fmt.Errorf("ledger of %d bytes, not %d", len(mem), Size)
	}
	word := func(off int) *uint64 { return (*uint64)(unsafe.Pointer(&mem[off])) }
	return &Ledger{
		mem:     mem,
		gate:    word(offGate),
		started: word(offStarted),
		done:    word(offDone),
		closed:  word(offClosed),
		open:    word(offOpen),
		first:   word(offFirst),
		payload: word(offPayload),
		end:     word(offEnd),
		item:    word(offItem),
		writes:  word(offWrites),
	}, nil
}

// Memory returns the mapping, for unmapping it.
func (l *Ledger) Memory() []byte { return l.mem }

// Outbox returns the memory of the outbox.
func (l *Ledger) Outbox() []byte { return l.mem[HeadSize:] }

// InOutbox says whether p lies in the outbox, at offset at.
func (l *Ledger) InOutbox(p []byte, at int) bool {
	return unsafe.SliceData(p) == unsafe.SliceData(l.Outbox()[at:])
}

// Slots returns the memory of the outbox from offset at as n results of type T.
//
// Preconditions: at is aligned for T and the n results fit, T has no pointers.
func Slots[T any](l *Ledger, at, n int) []T {
	if n <= 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&l.Outbox()[at])), n)
}

// Marks are the words that a worker writes around every item. They are plain
// stores, which cost nothing: the Go compiler keeps the order of stores, and
// the parent reads them either through atomic loads for a rough idea of a
// running worker, or after its death, when all of them have arrived.
type Marks struct {
	Started *uint64 // the number of the item that starts, plus 1
	Done    *uint64 // the number of the item whose result is complete, plus 1
}

// Marks returns the words for the worker's inner loop.
func (l *Ledger) Marks() Marks { return Marks{Started: l.started, Done: l.done} }

// Started returns how many items the worker has started.
func (l *Ledger) Started() uint64 { return atomic.LoadUint64(l.started) }

// Done returns how many items the worker has finished, with their results in
// the outbox or written.
func (l *Ledger) Done() uint64 { return atomic.LoadUint64(l.done) }
