package robust

import (
	"container/list"
	"context"
	"math"
	"sync"
	"sync/atomic"

	"github.com/multiproc/mp/internal/shm"
)

// A Cond is one handle of a condition, with those who wait through it.
//
// All that wait through one handle have one cell in the ring of the condition, and
// are counted there, so that what a process leaves behind when it dies is one cell
// however many of its goroutines waited, and fits into the one transaction that
// takes it away. A notification goes to a cell. Which of its waiters gets it is
// decided here, in their order: if this process dies so do they all.
//
// Registering, being notified, giving up and having been woken are one transaction
// each. A notification counts as used when the one that got it has its lock again;
// if its process dies before, it goes to another one.
//
// Only one goroutine, the watcher, waits for the cell: it hands out the
// notifications through channels. So a notification costs the same however many
// wait.
type Cond struct {
	H shm.Handle

	mu   sync.Mutex
	ring *seat // nil: nobody waits
}

// A seat is the cell of a Cond in the ring. The Cond's mu is over it.
type seat struct {
	o       *shm.Object
	word    *uint32   // of the notifications given to it
	users   int       // those between Register and Finish, and the watcher
	watched bool      // there is a watcher
	waiters list.List // of *Waiter, those who have not been notified, in their order
	handed  uint32    // how many notifications have been handed out
}

// Register makes the caller a waiter, before it gives up the lock. Each success
// needs a Finish.
func (c *Cond) Register() (*Waiter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.sit(); err != nil {
		return nil, err
	}
	s := c.ring
	w := &Waiter{c: c, s: s, done: make(chan struct{})}
	w.place = s.waiters.PushBack(w)
	s.users++
	if !s.watched {
		s.watched = true
		s.users++
		go c.watch(s)
	}
	return w, nil
}

// sit counts one waiter more. The caller has mu.
func (c *Cond) sit() error {
	if s := c.ring; s != nil {
		return s.o.Units(func(t *shm.Tx, _ uint64) error {
			t.Add(s.o.At()+seatWaiting, 1)
			return nil
		})
	}
	cond, a := c.H.Object(), c.H.Object().Arena()
	o, err := a.New(shm.Spec{Kind: KindWaiter, Link: cond, Init: func(t *shm.Tx, at uint64) {
		t.Store(at+seatWaiting, 1)
		t.Store(at+seatOwner, a.Self())
		ring{t, cond.At()}.insert(cellAt(t, at))
	}})
	if err == nil {
		c.ring = &seat{o: o, word: o.Word(seatGiven)}
	}
	return err
}

// watch hands out what the seat is given, until nobody waits.
func (c *Cond) watch(s *seat) {
	for {
		c.mu.Lock()
		given := atomic.LoadUint32(s.word)
		s.hand(given)
		if s.waiters.Len() == 0 {
			break
		}
		c.mu.Unlock()
		if _, err := c.H.Wait(context.Background(), s.word, given); err != nil {
			c.mu.Lock()
			s.end(err)
			break
		}
	}
	s.watched = false
	c.leave(s)
	c.mu.Unlock()
}

// hand gives those in front what the seat has been given since.
func (s *seat) hand(given uint32) {
	for ; s.handed != given && s.waiters.Len() > 0; s.handed++ {
		w := s.waiters.Remove(s.waiters.Front()).(*Waiter)
		w.notified = true
		if w.err == nil {
			close(w.done)
		}
	}
}

// end lets all go.
func (s *seat) end(err error) {
	for e := s.waiters.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*Waiter); w.err == nil {
			w.err = err
			close(w.done)
		}
	}
}

// leave is called by each user of the seat at the end. The caller has mu.
func (c *Cond) leave(s *seat) {
	if s.users--; s.users == 0 {
		c.ring = nil
		_ = s.o.Drop()
	}
}

// Everybody is more than can wait.
const Everybody = math.MaxInt32

// Notify notifies at most n of those who wait now.
func (c *Cond) Notify(n int) error {
	o := c.H.Object()
	for more, left := uint32(min(n, Everybody)), true; left; more = 0 {
		if err := o.Units(func(t *shm.Tx, _ uint64) error {
			left = ring{t, o.At()}.notify(more, o.Arena().Alive)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
