package pool

import (
	"time"

	"github.com/multiproc/mp/internal/ipc"
	wire "github.com/multiproc/mp/internal/worker"
)

const (
	// flushBytes is what makes a write worth its price while the worker is busy.
	flushBytes = 8 << 10
	// keepBuffer is the largest buffer that is kept for the next frames.
	keepBuffer = 1 << 20
)

// framePrefix is what precedes the arguments in the frame of a call.
const framePrefix = ipc.HeaderSize + wire.CallHead

// encode encodes a chunk without the mutex and sends it. Items that cannot be
// encoded fail, and only those.
func (p *Pool) encode(w *worker, c span) {
	w.encoding = true
	p.mu.Unlock()
	frame := p.buffer()
	frame, err := c.b.work.encode(append(frame, make([]byte, framePrefix)...), c.lo, c.hi)
	failed := 0
	if err != nil && c.len() == 1 {
		c.b.work.fail(c.lo, err)
		failed = 1
	}
	p.mu.Lock()
	w.encoding = false
	switch {
	case failed > 0:
		c.b.flying--
		p.count.failed++
		p.concludeLater(c.b)
	case err != nil: // find the culprits by halves
		half := c.lo + c.len()/2
		p.putBack(span{c.b, half, c.hi})
		p.putBack(span{c.b, c.lo, half})
	case w.dead || w.leaving || w.watch.doomed() || c.b.dead != nil:
		p.putBack(c)
	case len(w.out) == 0:
		w.out, frame = frame, w.out
		p.launch(w, c, 0)
	default:
		start := len(w.out)
		w.out = append(w.out, frame...)
		p.launch(w, c, start)
	}
	p.recycle(frame)
}

// send puts a chunk whose arguments are encoded into a worker's buffer. The
// caller holds mu.
func (p *Pool) send(w *worker, c span, args []byte) {
	start := len(w.out)
	w.out = append(append(w.out, prefixSpace[:]...), args...)
	p.launch(w, c, start)
}

var prefixSpace [framePrefix]byte

// launch fills in the frame of a chunk at the end of a worker's buffer, and notes
// that it is on its way. The caller holds mu.
func (p *Pool) launch(w *worker, c span, start int) {
	frame := w.out[start:]
	if len(frame)-ipc.HeaderSize > ipc.MaxBody {
		w.out = w.out[:start]
		p.refuse(c, &ipc.TooLargeError{Size: uint64(len(frame)), Limit: ipc.MaxBody})
		return
	}
	ipc.PutHeader(frame, ipc.Header{Length: uint32(len(frame) - ipc.HeaderSize), Kind: ipc.KindCall, Number: w.sent})
	call := wire.Call{Func: c.b.def.Index(), Items: c.len(), Limit: c.b.limit}
	if !c.b.deadline.IsZero() {
		call.Remaining = max(time.Until(c.b.deadline), 1)
	}
	call.AppendHead(frame[ipc.HeaderSize:ipc.HeaderSize])
	if !w.busy() {
		p.idle = remove(p.idle, w)
		p.busy.Add(1)
		w.urgent = true
		w.watch.launched = time.Now()
	}
	each := p.paceOf(c.b.def).expect()
	w.flights = append(w.flights, flight{b: c.b, lo: c.lo, hi: c.hi, first: w.sent, bytes: len(frame), each: each})
	w.sent += uint64(c.len())
	w.bytes += len(frame)
	w.load += each * float64(c.len())
	if w.due.Add(int64(c.len())) == int64(c.len()) {
		w.await()
	}
	p.keeper.wake()
}

// refuse fails items that are too large for a frame. The caller holds mu.
func (p *Pool) refuse(c span, err error) {
	go func() {
		for i := c.lo; i < c.hi; i++ {
			c.b.work.fail(i, err)
		}
		p.mu.Lock()
		c.b.flying -= c.len()
		p.count.failed += int64(c.len())
		p.concludeLater(c.b)
		p.mu.Unlock()
	}()
}

// flush writes a worker's buffer as far as there is room in the pipe; a
// goroutine writes the rest. The caller holds mu, which is released meanwhile.
func (p *Pool) flush(w *worker) {
	for !w.writing && len(w.out) > 0 && !w.dead && !w.leaving {
		buf := w.out
		w.out, w.spare = w.spare[:0], nil
		w.writing = true
		p.mu.Unlock()
		n, err := w.tasks.TryWrite(buf)
		if err == nil && n < len(buf) {
			w.drains.Go(func() { w.drain(buf, n) })
			p.mu.Lock()
			return
		}
		p.mu.Lock()
		w.wrote(buf)
	}
}

// drain writes what the pipe had no room for. A worker that dies meanwhile is
// noticed by its reader.
func (w *worker) drain(buf []byte, n int) {
	_, _ = w.tasks.Write(buf[n:])
	w.pool.mu.Lock()
	w.wrote(buf)
	w.pool.flush(w)
	w.pool.mu.Unlock()
}

func (w *worker) wrote(buf []byte) {
	w.writing = false
	if cap(buf) <= keepBuffer {
		w.spare = buf
	}
}

// buffer and recycle keep one buffer for encoding chunks.
func (p *Pool) buffer() []byte {
	if b := p.scratch.Swap(nil); b != nil {
		return (*b)[:0]
	}
	return nil
}

func (p *Pool) recycle(b []byte) {
	if cap(b) > 0 && cap(b) <= keepBuffer {
		p.scratch.Store(&b)
	}
}
