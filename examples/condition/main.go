// Condition shows multiprocessing.Condition with the usual producers and
// consumers: they share a queue of limited size, and each waits until there is
// something for it to do.
//
// It prints how many elements have gone through the queue, their sum, and that the
// queue is empty in the end.
package main

import (
	"context"
	"fmt"

	"github.com/multiproc/mp"
)

const each, all = 100, 300 // elements: of a producer, and of all three

// A queue is what the condition is about. It lies in shared memory as a whole.
type queue struct {
	Elems [8]int
	Len   int
	Taken int // so far, by all consumers
	Sum   int // of what was taken
}

// shared is the argument. The queue's lock is that of the condition.
type shared struct {
	Cond  *mp.Cond
	Queue *mp.Value[queue]
}

// when waits until ready says so, and changes the queue. A condition may have changed
// again before a process that was notified has the lock: WaitFor looks anew, as the
// loop around wait does in Python.
func (s shared) when(ctx context.Context, ready func(queue) bool, change func(*queue)) error {
	s.Cond.Lock()
	defer s.Cond.Unlock()
	if err := s.Cond.WaitFor(ctx, func() bool { return ready(s.Queue.Load()) }); err != nil {
		return err
	}
	s.Queue.Update(change)
	return s.Cond.NotifyAll() // there are two kinds of waiters: one may be the wrong one
}

func hasRoom(q queue) bool  { return q.Len < len(q.Elems) }
func hasElems(q queue) bool { return q.Len > 0 || q.Taken == all }

var producer = mp.Action(func(ctx context.Context, s shared) error {
	for i := range each {
		if err := s.when(ctx, hasRoom, func(q *queue) { q.Elems[q.Len], q.Len = i, q.Len+1 }); err != nil {
			return err
		}
	}
	return nil
})

var consumer = mp.Action(func(ctx context.Context, s shared) error {
	for done := false; !done; {
		err := s.when(ctx, hasElems, func(q *queue) {
			if done = q.Len == 0; !done { // pop
				q.Len--
				q.Taken, q.Sum = q.Taken+1, q.Sum+q.Elems[q.Len]
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
})

func main() {
	mp.Main(func(ctx context.Context) error {
		cond, err := mp.NewCond(nil) // with a lock of its own, which is recursive
		if err != nil {
			return err
		}
		defer cond.Close()
		q, err := mp.NewValue(queue{}, mp.WithLock(cond)) // the same lock
		if err != nil {
			return err
		}
		defer q.Close()
		var children []*mp.Process
		for _, task := range []*mp.Task[shared, mp.None]{producer, producer, producer, consumer, consumer} {
			p := mp.NewProcess(task.With(shared{cond, q}))
			if err := p.Start(); err != nil {
				return err
			}
			children = append(children, p)
		}
		for _, p := range children {
			if err := p.Join(ctx); err != nil {
				return err
			}
		}
		end := q.Load()
		fmt.Printf("taken: %d, their sum: %d, left: %d\n", end.Taken, end.Sum, end.Len)
		return nil
	})
}
