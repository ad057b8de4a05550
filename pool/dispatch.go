package pool

import (
	"time"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/task"
	wire "github.com/multiproc/mp/internal/worker"
)

const (
	// window is the work that a worker gets in advance: enough to be busy while
	// its results travel and the parent is woken, and no more, for what one
	// worker has another cannot take without being told.
	window = 6 * time.Millisecond
	// chunkFor is the work in a chunk that the pool has cut.
	chunkFor = 3 * time.Millisecond
	// chunkBytes bounds a chunk, so that it fits into the pipe.
	chunkBytes = 512 << 10
	// growth is how much larger than the last one a chunk of a batch may be: the
	// pace of a task is a guess.
	growth = 16
	// flushBytes is what makes a write worth its price while the worker is busy.
	flushBytes = 8 << 10
	// maxBytes bounds the arguments that a worker gets in advance.
	maxBytes = 1 << 20
	// keepBuffer is the largest buffer that is kept for the next frames.
	keepBuffer = 1 << 20
)

// pace is how long the items of a task take: a moving average.
type pace struct {
	each float64 // nanoseconds; 0: not known
}

func (p *Pool) paceOf(d *task.Def) *pace {
	pc := p.pace[d]
	if pc == nil {
		pc = new(pace)
		p.pace[d] = pc
	}
	return pc
}

// observe takes a measurement in.
func (pc *pace) observe(items int, took time.Duration) {
	each := max(float64(took)/float64(items), 1)
	if pc.each == 0 {
		pc.each = each
		return
	}
	weight := min(0.3+float64(items)/1000, 0.8)
	pc.each += (each - pc.each) * weight
}

// expect is the time that an item is expected to take. A task of unknown pace
// gets a second item in advance, no more.
func (pc *pace) expect() float64 {
	if pc.each == 0 {
		return float64(window) / 2
	}
	return pc.each
}

// hasRoom says whether a worker may get more work. The caller holds mu.
func (w *worker) hasRoom() bool {
	if !w.ready || w.dead || w.leaving || w.encoding || w.watch.doomed() {
		return false
	}
	if !w.busy() {
		return true
	}
	return !w.slow && w.load < float64(window) && w.bytes < maxBytes
}

// pick chooses a worker for the front of the queue: an idle one, the one that
// worked last; otherwise the least loaded one with room. The caller holds mu.
func (p *Pool) pick() *worker {
	if p.queue.first() == nil {
		return nil
	}
	for i := len(p.idle) - 1; i >= 0; i-- {
		if w := p.idle[i]; w.hasRoom() {
			return w
		}
	}
	if p.full {
		return nil
	}
	var best *worker
	for _, w := range p.workers {
		if w.hasRoom() && (best == nil || w.load < best.load) {
			best = w
		}
	}
	p.full = best == nil
	return best
}

// feed gives the workers what is in the queue, as far as they have room.
func (p *Pool) feed() {
	for {
		p.mu.Lock()
		w := p.pick()
		if w == nil {
			p.mu.Unlock()
			return
		}
		p.fill(w, false)
		p.mu.Unlock()
	}
}

// refill gives a worker more work, and writes all that waits for it.
func (p *Pool) refill(w *worker) {
	p.mu.Lock()
	p.fill(w, true)
	p.mu.Unlock()
}

// fill moves work from the queue to a worker: one chunk if others are idle, as
// much as it has room for otherwise. The caller holds mu, which is released and
// taken again in between.
func (p *Pool) fill(w *worker, flush bool) {
	for w.hasRoom() && !(w.busy() && p.othersIdle()) {
		s := p.queue.first()
		if s == nil {
			break
		}
		c := span{b: s.b, lo: s.lo, hi: s.lo + p.chunkSize(*s)}
		s.lo = c.hi
		c.b.queued -= c.len()
		c.b.flying += c.len()
		if c.b.arg != nil {
			p.send(w, c, c.b.arg)
			continue
		}
		p.encode(w, c)
	}
	if flush || w.urgent || len(w.out) >= flushBytes {
		w.urgent = false
		p.flush(w)
	}
}

// othersIdle says whether some worker has nothing to do and can be given
// something. The caller holds mu.
func (p *Pool) othersIdle() bool {
	for _, w := range p.idle {
		if w.hasRoom() {
			return true
		}
	}
	return false
}

// chunkSize decides how many items of a span go to a worker at once.
func (p *Pool) chunkSize(s span) int {
	left, b := s.len(), s.b
	if b.chunk > 0 || left == 1 {
		return min(left, max(b.chunk, 1))
	}
	each := p.paceOf(b.def).each
	if each == 0 {
		return 1
	}
	n := int(float64(chunkFor) / each)
	n = min(n, max(b.cut, 1)*growth)
	n = min(n, (left+2*p.opts.Workers-1)/(2*p.opts.Workers))
	if in, _, err := b.def.Codecs(); err == nil && in.RawSize() > 0 {
		n = min(n, chunkBytes/in.RawSize())
	}
	b.cut = max(n, 1)
	return b.cut
}

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

// putBack returns items that a worker was to have to the front of the queue; those of a
// dead batch are dropped. The caller holds mu, and sees to it that the queue is looked
// at.
func (p *Pool) putBack(c span) {
	if c.lo >= c.hi {
		return
	}
	c.b.flying -= c.len()
	if c.b.dead != nil {
		p.count.cancelled += int64(c.len())
		p.concludeLater(c.b)
		return
	}
	c.b.queued += c.len()
	p.queue.unshift(c)
	p.full = false
}

// concludeLater finishes a batch, if it is over, on a goroutine of its own: the
// caller holds mu.
func (p *Pool) concludeLater(b *batch) {
	if b.over() {
		p.conclude(b)
		go b.work.finish(b.dead)
	}
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
	}
	each := p.paceOf(c.b.def).expect()
	w.flights = append(w.flights, flight{b: c.b, lo: c.lo, hi: c.hi, first: w.sent, bytes: len(frame), each: each})
	w.sent += uint64(c.len())
	w.bytes += len(frame)
	w.load += each * float64(c.len())
	if w.due.Add(int64(c.len())) == int64(c.len()) {
		w.await()
	}
	if c.b.limit > 0 || len(w.flights)-w.head > 1 || c.len() > 1 {
		p.keeper.wake()
	}
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
