package shm

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multiproc/mp/internal/sys"
)

const (
	// recheck is how long a waiter sleeps at a time. It bounds what the death of
	// a process that was to wake it can cost.
	recheck = 50 * time.Millisecond
	// nap is how late the end of a context may be seen.
	nap = time.Millisecond
	// maxSleepers bounds the threads that sleep in the kernel: Go gives each its
	// own, and a program that has too many of them dies. Further waiters look at
	// their words every now and then.
	maxSleepers = 128
	pollEvery   = 2 * time.Millisecond
	pollShare   = 50 * time.Microsecond // times their number: all together they cost little

	allWaiters = math.MaxInt32
)

// Wake wakes at most n of the processes that wait on word.
func Wake(word *uint32, n int) { sys.FutexWake(word, n) }

// WakeAll wakes everyone who waits on word.
func WakeAll(word *uint32) { sys.FutexWake(word, allWaiters) }

// A parking is where the goroutines of this process wait for words of shared
// memory. Of those that wait for one word only the first sleeps in the kernel; the
// others queue behind it, so that thousands of them cost one thread.
type parking struct {
	shards   [64]shard
	sleepers atomic.Int32
}

type shard struct {
	mu     sync.Mutex
	queues map[*uint32]*queue
}

// A queue holds those behind the one that sleeps.
type queue struct{ first, last *parked }

type parked struct {
	next, prev *parked
	promoted   chan struct{} // closed when it is its turn to sleep
}

// Wait blocks while word is expect, like FutexWait: it may return at any time, and
// the caller has to look again. It returns the error of ctx when that has ended,
// and ErrClosed when the handle has been closed. The dead are looked for every
// 50 ms. woken says that something has happened for which this very goroutine was
// woken, or did not even fall asleep.
func (h *Handle) Wait(ctx context.Context, word *uint32, expect uint32) (woken bool, err error) {
	end, err := h.o.arena.wait(ctx, word, expect, h.Closed)
	if end == endTimedOut {
		h.o.arena.reapSoon()
	}
	return end == endWoken, err
}

// An ending is how a wait ended.
type ending int

const (
	endSkipped  ending = iota // the word had changed when it was this goroutine's turn to sleep
	endWoken                  // it was woken, or the word changed just before
	endTimedOut               // it is time to look for the dead
)

// wait is Wait without looking for the dead, and with any reason to give up; nil:
// there is none.
func (a *Arena) wait(ctx context.Context, word *uint32, expect uint32, giveUp func() bool) (end ending, err error) {
	s := a.parking.shard(word)
	s.mu.Lock()
	q := s.queues[word]
	if q != nil && atomic.LoadUint32(word) != expect {
		s.mu.Unlock()
		return endSkipped, ctx.Err()
	}
	if q == nil {
		q = new(queue)
		if s.queues == nil {
			s.queues = make(map[*uint32]*queue)
		}
		s.queues[word] = q
		s.mu.Unlock()
	} else {
		me := &parked{promoted: make(chan struct{})}
		q.push(me)
		s.mu.Unlock()
		select {
		case <-me.promoted:
		case <-ctx.Done():
			if s.leave(q, me) {
				return endSkipped, ctx.Err()
			}
			<-me.promoted
		}
	}
	defer s.promote(word, q)
	switch {
	case ctx.Err() != nil:
		return endSkipped, ctx.Err()
	case giveUp != nil && giveUp():
		return endSkipped, ErrClosed
	case atomic.LoadUint32(word) == expect:
		if end = endWoken; a.parking.sleep(ctx, word, expect) {
			end = endTimedOut
		}
	}
	return end, ctx.Err()
}

func (p *parking) shard(word *uint32) *shard {
	return &p.shards[hashWord(word)%uint64(len(p.shards))]
}

func (q *queue) push(w *parked) {
	w.prev = q.last
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
}

func (q *queue) remove(w *parked) {
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
}

// leave takes w out of the queue; false if it has been promoted.
func (s *shard) leave(q *queue, w *parked) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.promoted:
		return false
	default:
		q.remove(w)
		return true
	}
}

// promote lets the next in the queue sleep.
func (s *shard) promote(word *uint32, q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := q.first
	if next == nil {
		delete(s.queues, word)
		return
	}
	q.remove(next)
	close(next.promoted)
}

// sleep waits in the kernel until the word changes, somebody wakes it, ctx ends,
// or it is time to look for the dead.
func (p *parking) sleep(ctx context.Context, word *uint32, expect uint32) (timedOut bool) {
	limit := recheck
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(deadline)), 50*time.Microsecond)
	}
	n := p.sleepers.Add(1)
	defer p.sleepers.Add(-1)
	if n > maxSleepers {
		return poll(ctx, word, expect, limit, max(pollEvery, time.Duration(n)*pollShare))
	}
	if ctx.Done() == nil {
		return sys.FutexWait(word, expect, limit)
	}
	// Most waits are short. To be woken at the end of ctx costs more than to look at
	// it once after a while.
	if !sys.FutexWait(word, expect, min(limit, nap)) || limit <= nap {
		return false
	}
	limit -= nap
	full := limit == recheck-nap
	if severalAtOnce.Load() {
		return sleepUnlessEnded(ctx, []Word{{word, expect}}, limit) && full
	}
	return sleepAndBeWoken(ctx, word, expect, limit) && full
}

// sleepAndBeWoken is for kernels that let a thread sleep on one word only: the end of
// ctx wakes all who sleep on it.
func sleepAndBeWoken(ctx context.Context, word *uint32, expect uint32, limit time.Duration) (timedOut bool) {
	var awake atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		// It may be about to fall asleep: once is not enough.
		for !awake.Load() {
			WakeAll(word)
			time.Sleep(100 * time.Microsecond)
		}
	})
	if ctx.Err() == nil {
		timedOut = sys.FutexWait(word, expect, limit)
	}
	awake.Store(true)
	stop()
	return timedOut
}

// poll is sleep without a thread.
func poll(ctx context.Context, word *uint32, expect uint32, limit, every time.Duration) (timedOut bool) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(max(limit, every)); time.Now().Before(end); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
		if atomic.LoadUint32(word) != expect {
			return false
		}
	}
	return true
}
