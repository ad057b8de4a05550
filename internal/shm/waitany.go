package shm

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/multiproc/mp/internal/sys"
)

// A Word is one to sleep on while it is what is expected.
type Word struct {
	At     *uint32
	Expect uint32
}

func (w Word) changed() bool { return atomic.LoadUint32(w.At) != w.Expect }

// WordsTogether is how many words one thread sleeps on. There is one besides, by which
// the end of a context wakes it.
const WordsTogether = sys.MaxFutexes - 1

// severalAtOnce says that the kernel has not refused to let a thread sleep on several
// words.
var severalAtOnce atomic.Bool

func init() { severalAtOnce.Store(true) }

// WaitAny blocks while each of the words is what is expected of it, like Handle.Wait:
// it may return at any time, and the caller looks again. The words stay those of their
// objects, for which the caller is inside their handles. late says that limit is
// over, or less, and that the dead have been looked for.
//
// Precondition: there are at most WordsTogether.
func (a *Arena) WaitAny(ctx context.Context, words []Word, limit time.Duration) (late bool) {
	switch {
	case len(words) == 1:
		end, _ := a.wait(ctx, words[0].At, words[0].Expect, nil)
		late = end == endTimedOut
	case severalAtOnce.Load():
		late = a.sleepOnAny(ctx, words, limit)
	default:
		late = a.sleepOnEach(ctx, words)
	}
	if late {
		a.reapSoon()
	}
	return late
}

// sleepOnEach is for kernels that let a thread sleep on one word only.
func (a *Arena) sleepOnEach(ctx context.Context, words []Word) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var late atomic.Bool
	var all sync.WaitGroup
	for _, w := range words {
		all.Go(func() {
			defer cancel()
			if end, _ := a.wait(ctx, w.At, w.Expect, nil); end == endTimedOut {
				late.Store(true)
			}
		})
	}
	all.Wait()
	return late.Load()
}

// sleepOnAny sleeps on all words at once.
func (a *Arena) sleepOnAny(ctx context.Context, words []Word, limit time.Duration) (timedOut bool) {
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(deadline)), 50*time.Microsecond)
	}
	n := a.parking.sleepers.Add(1)
	defer a.parking.sleepers.Add(-1)
	if n > maxSleepers {
		return lookAtAll(ctx, words, limit, max(pollEvery, time.Duration(n)*pollShare))
	}
	return sleepUnlessEnded(ctx, words, limit)
}

// sleepUnlessEnded sleeps on the words, and on one of its own by which the end of ctx
// wakes it, and nobody else.
func sleepUnlessEnded(ctx context.Context, words []Word, limit time.Duration) (timedOut bool) {
	var list sys.Futexes
	halt := new(uint32)
	list.Add(halt, 0)
	for _, w := range words {
		list.Add(w.At, w.Expect)
	}
	fired := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		atomic.StoreUint32(halt, 1)
		WakeAll(halt)
		close(fired)
	})
	timedOut, err := list.Wait(limit)
	if !forget() {
		<-fired
	}
	if err != nil {
		severalAtOnce.Store(false)
	}
	return timedOut
}

// lookAtAll is sleepOnAny without a thread.
func lookAtAll(ctx context.Context, words []Word, limit, every time.Duration) (timedOut bool) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(max(limit, every)); time.Now().Before(end); {
		if slices.ContainsFunc(words, Word.changed) {
			return false
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
