package travel

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/multiproc/mp/internal/fifo"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shm"
)

// transitHash tells transits from the queues of users.
const transitHash = 0x74726e73

// A Transit is who holds the objects that a message refers to between the process that
// has encoded it and the one that will decode it. It is a queue that the parent of the
// two makes, and that lives as long as the parent has it.
//
// With the results of a worker, that is until the parent has decoded them: so a result
// that was written counts also when its worker is dead, and whatever has not been
// received goes with the worker that it came from. With the argument of a process it
// is until that has decoded it, or is dead: what the child closes then is closed.
//
// Each item in the queue is the number of a message, 64 bits, big endian, and holds
// objects that this refers to. A message that refers to nothing has no item, one that
// refers to many has several.
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
		var item fifo.Item
		if t.q.TryTake(&item) != nil {
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
	return put(s.q, number, luggage)
}

// put puts what the message of that number refers to.
func put(q *fifo.Queue, number uint64, l Luggage) error {
	m := fifo.Message{Head: binary.BigEndian.AppendUint64(nil, number)}
	for cells := range slices.Chunk(l.Cells(), fifo.MaxCells) {
		m.Cells = cells
		if err := q.Put(context.Background(), m); err != nil {
			return err
		}
	}
	return nil
}

// Consign moves luggage into a transit of its own; nil if there is none.
func (l Luggage) Consign() (*Transit, error) {
	if len(l) == 0 {
		return nil, nil
	}
	defer l.Drop()
	t, err := NewTransit()
	if err != nil {
		return nil, err
	}
	if err := put(t.q, 0, l); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Claim lets go what is in the transit that a reference names: the argument has been
// decoded. Without a reference it does nothing.
func Claim(reference []byte) {
	s := NewTransitSender(reference)
	if len(reference) == 0 || s.open() != nil {
		return // the parent is dead, and with it the transit
	}
	defer s.Close()
	var item fifo.Item
	for s.q.TryTake(&item) == nil {
		item.Drop()
	}
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
