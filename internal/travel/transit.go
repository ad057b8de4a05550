package travel

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shm"
)

// transitHash tells transits from the queues of users.
const transitHash = 0x74726e73

// A Transit is who holds the objects that a worker's results refer to, from before a
// result is written until the one who waits for it has decoded it. It is a queue
// that its receiver makes and that lives as long as the receiver has it: so a result
// that was written counts also when its worker is dead, and whatever has not been
// received goes with the worker that it came from.
//
// Each item in the queue is the number of a result, 64 bits, big endian, and holds
// what that result refers to. Results that refer to nothing have no item.
type Transit struct {
	h shm.Handle
	q *fifo.Queue

	mu      sync.Mutex
	arrived map[uint64][]fifo.Item // by the number of their result
}

// NewTransit makes a transit for the results of one worker.
func NewTransit() (*Transit, error) {
	a, err := shm.Default()
	if err != nil {
		return nil, err
	}
	o, err := fifo.New(a, fifo.Config{Kind: fifo.KindQueue, Hash: transitHash})
	if err != nil {
		return nil, err
	}
	t := &Transit{arrived: make(map[uint64][]fifo.Item)}
	if t.q, err = fifo.Open(&t.h, o); err != nil {
		return nil, errors.Join(err, o.Drop())
	}
	shm.Bind(t, &t.h, o)
	return t, nil
}

// Reference returns what NewSender needs. That of a nil Transit is empty.
func (t *Transit) Reference() []byte {
	if t == nil {
		return nil
	}
	return Append(nil, t.h.Object().Ref())
}

// Received lets go what the results from lo up to hi refer to: they have been decoded, or
// nobody will. A nil Transit does nothing.
func (t *Transit) Received(lo, hi uint64) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		item, err := t.q.TryTake(nil)
		if err != nil {
			break // it is empty, or damaged: then Close gives up the rest
		}
		payload, err := item.Payload()
		if err != nil || len(payload) != 8 {
			item.Drop()
			continue
		}
		number := binary.BigEndian.Uint64(payload)
		t.arrived[number] = append(t.arrived[number], item)
	}
	for number, items := range t.arrived {
		if lo <= number && number < hi {
			drop(items)
			delete(t.arrived, number)
		}
	}
}

func drop(items []fifo.Item) {
	for i := range items {
		items[i].Drop()
	}
}

// Close lets everything go: the worker is dead, and no more of its results will be
// decoded. A nil Transit does nothing.
func (t *Transit) Close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, items := range t.arrived {
		drop(items)
	}
	clear(t.arrived)
	_ = t.h.Close()
}

// A TransitSender is the worker's side of a Transit.
type TransitSender struct {
	reference []byte
	h         shm.Handle
	q         *fifo.Queue // nil: not needed so far
}

// NewTransitSender returns the sender for a Transit's Reference. It does nothing
// until there is something to hold, so that a worker that shares nothing does not
// map the arena.
func NewTransitSender(reference []byte) *TransitSender {
	return &TransitSender{reference: reference}
}

var errNoTransit = errors.New("whoever waits for it has not expected a handle in it")

// Hold has the transit hold what the result of that number, which c has encoded,
// refers to. The caller keeps the value that was encoded alive until it returns, and
// sends the result afterwards.
func (s *TransitSender) Hold(number uint64, c *codec.Codec, encoded []byte) error {
	luggage, err := Pack(c, encoded)
	if err != nil || len(luggage) == 0 {
		return err
	}
	defer luggage.Drop()
	if err := s.open(); err != nil {
		return err
	}
	return s.q.Put(context.Background(), binary.BigEndian.AppendUint64(nil, number), luggage.Cells())
}

func (s *TransitSender) open() error {
	if s.q != nil {
		return nil
	}
	if len(s.reference) == 0 {
		return errNoTransit
	}
	r, err := Parse(s.reference)
	if err != nil {
		return err
	}
	if r.Kind != fifo.KindQueue || r.Hash != transitHash {
		return shm.ErrKind
	}
	o, err := shm.Open(r)
	if err != nil {
		return err
	}
	q, err := fifo.Open(&s.h, o)
	if err != nil {
		return errors.Join(err, o.Drop())
	}
	shm.Bind(s, &s.h, o)
	s.q = q
	return nil
}

// Close gives up the sender's part.
func (s *TransitSender) Close() {
	if s.q != nil {
		_ = s.h.Close()
	}
}
