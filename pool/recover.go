package pool

import (
	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/ledger"
)

// recover fetches the results that a worker has finished but not written. It is
// called when the worker is dead, and when it is stuck in a long item; limit is
// that of ledger.Unwritten.
func (w *worker) recover(limit uint64) {
	left, err := w.ledger.Unwritten(limit)
	if err != nil {
		return // it is on the move, or has overwritten its ledger: see abandon
	}
	for frames := left.Frames; len(frames) >= ipc.HeaderSize; {
		h := ipc.ParseHeader(frames)
		frames = frames[ipc.HeaderSize:]
		if uint64(h.Length) > uint64(len(frames)) {
			return
		}
		body := frames[:h.Length]
		frames = frames[h.Length:]
		if w.handle(ipc.Frame{Kind: h.Kind, Number: h.Number, Body: body, Owned: true}) != nil {
			return
		}
	}
	if left.Open != nil && left.Open.Count > 0 {
		if body, ok := encodedPart(left.Open); ok {
			_ = w.deliver(left.Open.First, left.Open.Count, 0, body, true)
		}
	}
}

// encodedPart makes a batch of results of a frame under construction.
func encodedPart(part *ledger.Part) (body []byte, ok bool) {
	if part.Item > 0 {
		body = make([]byte, codec.RawHeaderSize, codec.RawHeaderSize+len(part.Payload))
		codec.PutRawHeader(body, len(part.Payload))
		return append(body, part.Payload...), true
	}
	rest := part.Payload
	for range part.Count {
		var err error
		if rest, err = codec.Walk(rest); err != nil {
			return nil, false
		}
	}
	body = make([]byte, codec.ArrayHeaderSize, codec.ArrayHeaderSize+len(part.Payload))
	codec.PutArrayHeader(body, part.Count)
	return append(body, part.Payload[:len(part.Payload)-len(rest)]...), true
}

// abandon decides about the items of a dead worker whose results have all been
// taken: the one that it was running fails or is run again, those behind it have
// never run and go back to the queue.
func (w *worker) abandon(died *WorkerDiedError) {
	p := w.pool
	p.mu.Lock()
	running := w.ledger.Started() > w.received
	var victim *batch
	var item int
	flights := w.flights[w.head:]
	if len(flights) > 0 && running {
		f := &flights[0]
		victim, item = f.b, f.lo
		f.lo++
	}
	for i := len(flights) - 1; i >= 0; i-- {
		f := flights[i]
		p.putBack(span{f.b, f.lo, f.hi})
	}
	if len(flights) > 0 {
		w.idle()
	}
	w.due.Store(0)
	reason := w.watch.reason
	if !w.leaving || len(flights) > 0 || died.ExitCode != 0 {
		p.count.died++
	}
	if reason != nil {
		p.count.killed++
	}
	if victim != nil && reason == nil && victim.dead == nil && victim.again(item) {
		p.count.retried++
		p.putBack(span{victim, item, item + 1})
		victim = nil
	}
	if victim != nil && reason == nil && victim.dead != nil && victim.dead != errStopped {
		reason = victim.dead // it was to be stopped anyway
	}
	if victim != nil {
		died.Attempts = victim.tries[item] + 1
	}
	p.mu.Unlock()
	if victim != nil {
		err := reason
		if err == nil {
			err = died
		}
		victim.work.fail(item, err)
		w.settle(victim, 1, 1)
	}
	p.feed()
}

// again notes a failed attempt at an item, and says whether it may be repeated.
// The caller holds mu.
func (b *batch) again(item int) bool {
	if b.tries[item] >= b.retries {
		return false
	}
	if b.tries == nil {
		b.tries = make(map[int]int)
	}
	b.tries[item]++
	return true
}
