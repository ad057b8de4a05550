package robust

import (
	"container/list"
	"context"

	"github.com/multiproc/mp/internal/shm"
)

// A Waiter is one who waits.
type Waiter struct {
	c        *Cond
	s        *seat
	place    *list.Element
	done     chan struct{} // closed when it has been notified, or all is over
	notified bool
	err      error // why all is over
}

// Wait waits, without the lock, for a notification. It returns nil also if there is
// one at the same time as an error.
func (w *Waiter) Wait(ctx context.Context) error {
	select {
	case <-w.done:
	case <-ctx.Done():
	}
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	if !w.notified {
		if err := w.giveUp(); err != nil {
			return err
		}
	}
	switch {
	case w.notified:
		return nil
	case w.err != nil:
		return w.err
	default:
		return ctx.Err()
	}
}

// giveUp makes w no waiter any more, unless it turns out to have been notified. The
// caller has the Cond's mu.
func (w *Waiter) giveUp() error {
	s := w.s
	var given uint32
	err := s.o.Units(func(t *shm.Tx, _ uint64) error {
		if given = t.Load(s.o.At() + seatGiven); !s.reaches(w, given) {
			t.Add(s.o.At()+seatWaiting, -1)
		}
		return nil
	})
	if err == nil {
		s.hand(given)
	}
	if w.notified {
		return nil
	}
	s.waiters.Remove(w.place)
	if s.waiters.Len() == 0 {
		shm.WakeAll(s.word) // the watcher can go
	}
	return err
}

// reaches says whether what has been given is enough for w.
func (s *seat) reaches(w *Waiter, given uint32) bool {
	e := s.waiters.Front()
	for n := given - s.handed; n > 0 && e != nil; n-- {
		if e == w.place {
			return true
		}
		e = e.Next()
	}
	return false
}

// Cancel is Wait and Finish for one who does not wait.
func (w *Waiter) Cancel() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.Wait(ended)
	w.Finish(false)
}

// Finish says that a waiter that has been notified goes on, with the lock. If it
// could not get that the notification is another's.
func (w *Waiter) Finish(locked bool) {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	if w.notified {
		var n uint32
		if !locked {
			n = 1
		}
		_ = w.s.o.Units(func(t *shm.Tx, _ uint64) error {
			t.Add(w.s.o.At()+seatUsed, 1)
			ring{t, w.c.H.Object().At()}.notify(n, nil)
			return nil
		})
	}
	w.c.leave(w.s)
}
