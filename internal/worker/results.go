package worker

import (
	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/ledger"
)

// MaxFixed is the largest fixed-size result that FixedSlots takes.
const MaxFixed = ledger.OutboxSize / 16

// FixedSlots makes room for at most want results of size bytes each, of items
// from Next on, and returns their place in the outbox for ledger.Slots. Each
// result is complete with the store of its number plus 1 to Marks.Done; the
// stage learns how many there are from FixedDone.
//
// Preconditions: 0 < size <= MaxFixed, want > 0.
func (s *Stage) FixedSlots(size, want int) (l *ledger.Ledger, at, n int) {
	s.openPart(codec.RawHeaderSize, size)
	return s.ledger, s.part.end, min(want, s.part.room/size)
}

// FixedDone counts n more results in. It advances Next.
func (s *Stage) FixedDone(n int) {
	s.part.count += n
	s.part.end += n * s.part.fixed
	s.part.room -= n * s.part.fixed
	s.Next += n
}

// Space returns memory of the outbox to which the encoding of the result of
// item Next may be appended.
func (s *Stage) Space() []byte {
	s.openPart(codec.ArrayHeaderSize, 0)
	return s.ledger.Outbox()[s.part.end:s.part.end]
}

// Hold sees to it that what the encoding of the result of item Next, which is made
// by c, refers to lives until the parent has decoded it.
func (s *Stage) Hold(c *codec.Codec, encoded []byte) error {
	return s.transit.Hold(s.First+uint64(s.Next), c, encoded)
}

// Commit takes the encoding of the result of item Next, which was appended to
// what Space returned. It advances Next.
func (s *Stage) Commit(encoded []byte) {
	number := s.First + uint64(s.Next)
	if len(encoded) <= s.part.room && s.ledger.InOutbox(encoded, s.part.end) {
		s.part.end += len(encoded)
		s.part.room -= len(encoded)
		s.part.count++
		s.box.Extend(s.part.end)
	} else {
		var header [codec.ArrayHeaderSize]byte
		codec.PutArrayHeader(header[:], 1)
		s.sendNow(number, header[:], encoded)
	}
	*s.Marks.Done = number + 1
	s.Next++
}

// sendNow writes a result frame for one item, its body in two parts, past the outbox:
// whatever waits there goes first. The item is done when all of it is in the
// pipe.
func (s *Stage) sendNow(number uint64, first, second []byte) {
	s.Flush()
	head := make([]byte, ledger.Prefix, ledger.Prefix+len(first))
	size := uint64(ledger.ResultHead) + uint64(len(first)) + uint64(len(second))
	if size > ipc.MaxBody { // the codec's limit is below that
		s.lost = &ipc.TooLargeError{Size: size, Limit: ipc.MaxBody}
		return
	}
	ipc.PutHeader(head, ipc.Header{Length: uint32(size), Kind: ipc.KindResult, Number: number})
	ledger.PutResultHead(head[ipc.HeaderSize:], 1, 0, uint64(since(s.asked)))
	if len(first) <= codec.RawHeaderSize {
		head, first = append(head, first...), nil
	}
	s.write(head)
	s.write(first)
	s.write(second)
}

// Fail takes the failure of item Next, already encoded. It advances Next.
func (s *Stage) Fail(failure []byte) {
	s.closePart()
	number := s.First + uint64(s.Next)
	frame, err := ipc.AppendFrame(nil, ipc.KindError, number, failure)
	if err != nil { // beyond 4 GiB of text: nobody will miss it
		frame, _ = ipc.AppendFrame(nil, ipc.KindError, number, nil)
	}
	if !s.box.Append(frame) {
		s.Flush()
		if !s.box.Append(frame) {
			s.write(frame)
		}
	}
	if s.oldest.IsZero() {
		s.oldest = s.asked
	}
	*s.Marks.Done = number + 1
	s.Next++
}

// openPart makes sure that a frame for results of items from Next on is open.
func (s *Stage) openPart(head, fixed int) {
	need := max(fixed, 64)
	if s.part.open && s.part.fixed == fixed && s.part.room >= need {
		return
	}
	s.closePart()
	number := s.First + uint64(s.Next)
	payload, room := s.box.Open(number, head, fixed)
	if room < need {
		s.Flush()
		payload, room = s.box.Open(number, head, fixed)
	}
	s.part = part{open: true, first: number, head: head, payload: payload, end: payload, room: room, fixed: fixed, began: s.asked}
	if s.oldest.IsZero() {
		s.oldest = s.asked
	}
}

// closePart completes the frame under construction.
func (s *Stage) closePart() {
	p := &s.part
	if !p.open {
		return
	}
	p.open = false
	if p.count == 0 {
		s.box.Drop()
		return
	}
	header := s.ledger.Outbox()[p.payload-p.head:]
	if p.fixed > 0 {
		codec.PutRawHeader(header, p.end-p.payload)
	} else {
		codec.PutArrayHeader(header, p.count)
	}
	s.box.Close(p.first, p.payload, p.head, p.end, p.count, s.elapsed())
}

// elapsed returns how long the items of the frame under construction took.
func (s *Stage) elapsed() uint64 { return uint64(since(s.part.began)) }
