// Semaphore shows multiprocessing.Semaphore, in its usual program: five
// processes want something of which there are two, such as connections of a pool.
//
// It prints who acquires and releases it, in an order that is different each time,
// and how many had it at the same time: never more than two.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/multiproc/mp"
)

// job is the argument of the workers.
type job struct {
	Sem  *mp.BoundedSemaphore
	Used *mp.Value[use]
	Wait time.Duration
}

// use counts who has the semaphore.
type use struct{ Now, Most int }

var worker = mp.Action(func(ctx context.Context, j job) error {
	if err := j.Sem.Acquire(ctx); err != nil {
		return err // then it has no unit to release
	}
	defer j.Sem.Release()
	fmt.Println(mp.Self().Name, "acquire")
	j.Used.Update(func(u *use) {
		u.Now++
		u.Most = max(u.Most, u.Now)
	})
	time.Sleep(j.Wait)
	j.Used.Update(func(u *use) { u.Now-- })
	fmt.Println(mp.Self().Name, "release")
	return nil
})

func main() {
	mp.Main(func(ctx context.Context) error {
		// Bounded: more releases than acquisitions are an error, and a process that
		// dies gives its units back. NewSemaphore makes one without such ties, for
		// signals: who releases need not have acquired.
		s, err := mp.NewBoundedSemaphore(2)
		if err != nil {
			return err
		}
		defer s.Close()
		used, err := mp.NewValue(use{})
		if err != nil {
			return err
		}
		defer used.Close()
		var children []*mp.Process
		for i := range 5 {
			p := mp.NewProcess(worker.With(job{s, used, time.Duration(i) * 50 * time.Millisecond}))
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
		fmt.Printf("at most 2 at once: %t, free again: %d\n", used.Load().Most <= 2, s.Value())
		return nil
	})
}
