package pool

import (
	"fmt"
	"time"

	"github.com/multiproc/mp/internal/bridge"
	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/task"
)

// deliver takes the results of count items from number on.
func (w *worker) deliver(number uint64, count int, elapsed time.Duration, body []byte, owned bool) error {
	p := w.pool
	p.mu.Lock()
	b, lo, known, err := w.take(number, count)
	if err != nil || known == count {
		p.mu.Unlock()
		return err
	}
	if known == 0 && elapsed > 0 { // nobody has measured what was found in a ledger
		p.paceOf(b.def).observe(count, elapsed)
	}
	p.mu.Unlock()
	defer w.transit.Received(number, number+uint64(count))
	count -= known
	if known > 0 {
		body, err = withoutFirst(body, known, count)
	}
	if err == nil {
		err = b.work.results(lo, count, body, owned && known == 0)
	}
	failed := 0
	if err != nil {
		failed = b.resultsOneByOne(lo, count, body, err)
	}
	w.settle(b, count, failed)
	return nil
}

// resultsOneByOne takes results of which at least one cannot be decoded, and
// returns how many cannot.
func (b *batch) resultsOneByOne(lo, count int, body []byte, why error) (failed int) {
	items, err := codec.Split(body, count)
	for i := range count {
		itemErr := why
		if err == nil && count > 1 {
			itemErr = b.work.results(lo+i, 1, items[i], false)
		}
		if itemErr != nil {
			b.work.fail(lo+i, itemErr)
			failed++
		}
	}
	return failed
}

// deliverFailure takes the failure of an item.
func (w *worker) deliverFailure(number uint64, failure *task.Failure) error {
	p := w.pool
	p.mu.Lock()
	b, lo, known, err := w.take(number, 1)
	var reason error
	if b != nil {
		reason = b.dead
	}
	p.mu.Unlock()
	if err != nil || known == 1 {
		return err
	}
	defer w.transit.Received(number, number+1) // its result may have been on its way in part
	err = bridge.RemoteError(failure, w.host.name(), w.host.pid())
	if reason != nil && reason != errStopped && b.interrupted(err) {
		err = reason
	}
	b.work.fail(lo, err)
	w.settle(b, 1, 1)
	return nil
}

// take finds the items that count results from number on belong to, and takes
// them off the worker's flights. known is how many of them have come before. The
// caller holds mu.
func (w *worker) take(number uint64, count int) (b *batch, lo, known int, err error) {
	if number+uint64(count) <= w.received {
		return nil, 0, count, nil
	}
	if number < w.received {
		known = int(w.received - number)
	}
	if !w.busy() {
		return nil, 0, 0, fmt.Errorf("a result nobody waits for, of item %d: %w", number, ipc.ErrProtocol)
	}
	f := &w.flights[w.head]
	n := count - known
	if number > w.received || n <= 0 || n > f.hi-f.lo {
		return nil, 0, 0, fmt.Errorf("results of %d items from %d on, where %d is next: %w", count, number, w.received, ipc.ErrProtocol)
	}
	b, lo = f.b, f.lo
	f.lo += n
	f.first += uint64(n)
	w.received += uint64(n)
	w.load -= f.each * float64(n)
	w.due.Add(-int64(n))
	if f.lo == f.hi {
		w.land()
	}
	return b, lo, known, nil
}

// land removes the first flight, which has no items left. The caller holds mu.
func (w *worker) land() {
	w.bytes -= w.flights[w.head].bytes
	if !w.flights[w.head].killAt.IsZero() {
		w.watch.condemned--
	}
	w.flights[w.head] = flight{}
	w.head++
	if w.busy() {
		if w.head > 1024 && w.head > len(w.flights)/2 {
			w.flights = append(w.flights[:0], w.flights[w.head:]...)
			w.head = 0
		}
		return
	}
	w.idle()
}

// idle notes that a worker has no work. The caller holds mu.
func (w *worker) idle() {
	p := w.pool
	w.flights, w.head, w.load, w.bytes, w.slow = w.flights[:0], 0, 0, 0, false
	p.busy.Add(-1)
	if w.ready && !w.dead && !w.leaving {
		p.idle = append(p.idle, w)
	}
}

// settle accounts for items that have had their outcome, and goes on.
func (w *worker) settle(b *batch, count, failed int) {
	p := w.pool
	p.mu.Lock()
	b.flying -= count
	p.count.completed += int64(count - failed)
	p.count.failed += int64(failed)
	p.full, p.stillborn = false, 0
	over, dead := p.over(b), b.dead
	p.balance(w, b)
	p.fill(w, true)
	more := len(p.idle) > 0 && p.queue.first() != nil
	p.mu.Unlock()
	if over {
		p.finish(b, dead)
	}
	if more {
		p.feed()
	}
}

// withoutFirst returns the encoding of a batch of results without its first
// known items, so that count are left.
func withoutFirst(body []byte, known, count int) ([]byte, error) {
	if len(body) > codec.RawHeaderSize && body[0] == codec.RawMark {
		payload := body[codec.RawHeaderSize:]
		size := len(payload) / (known + count)
		rest := make([]byte, codec.RawHeaderSize, codec.RawHeaderSize+len(payload)-known*size)
		codec.PutRawHeader(rest, len(payload)-known*size)
		return append(rest, payload[known*size:]...), nil
	}
	if len(body) < codec.ArrayHeaderSize {
		return nil, ipc.ErrProtocol
	}
	items := body[codec.ArrayHeaderSize:]
	for range known {
		var err error
		if items, err = codec.Walk(items); err != nil {
			return nil, err
		}
	}
	rest := make([]byte, codec.ArrayHeaderSize, codec.ArrayHeaderSize+len(items))
	codec.PutArrayHeader(rest, count)
	return append(rest, items...), nil
}
