// Joinable shows multiprocessing.JoinableQueue: a producer waits until its consumers
// are done with everything, and then sends each a sentinel, as in Python:
//
//	for item in iter(enqueue.get, sentinel):
//	    ...
//	    enqueue.task_done()
//	...
//	broker.join()
//	broker.put(None)
//
// In a second round a consumer is killed with an item in its hands. In Python join
// would wait for ever; here it returns, and says how many items are lost.
//
// It prints how many items there were and their sum, and how many are lost.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/multiproc/mp"
)

const consumers, jobs = 2, 100

// A job is an item. The sentinel is none, nil, as None in Python.
type job struct{ N int }

type broker struct {
	Jobs *mp.JoinableQueue[*job]
	Sums *mp.Value[[2]int] // how many, and their sum
}

var consumer = mp.Action(func(ctx context.Context, b broker) error {
	for {
		j, err := b.Jobs.Get(ctx)
		if err != nil || j == nil {
			return err
		}
		b.Sums.Update(func(s *[2]int) { s[0], s[1] = s[0]+1, s[1]+j.N })
		if err := b.Jobs.TaskDone(); err != nil {
			return err
		}
	}
})

// unlucky takes a job, and is killed.
var unlucky = mp.Action(func(ctx context.Context, b broker) error {
	if _, err := b.Jobs.Get(ctx); err != nil {
		return err
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	return self.Kill()
})

// start starts a process for each call.
func start(calls ...mp.AnyCall) (children []*mp.Process, err error) {
	for _, call := range calls {
		p := mp.NewProcess(call)
		if err := p.Start(); err != nil {
			return nil, err
		}
		children = append(children, p)
	}
	return children, nil
}

// produce puts the jobs, and waits until they are done.
func (b broker) produce(ctx context.Context, n int) error {
	for i := range n {
		if err := b.Jobs.Put(ctx, &job{i}); err != nil {
			return err
		}
	}
	return b.Jobs.Join(ctx)
}

// dismiss sends the sentinels. Nobody is done with those.
func (b broker) dismiss(ctx context.Context, children []*mp.Process) error {
	for range children {
		if err := b.Jobs.Put(ctx, nil); err != nil {
			return err
		}
	}
	for _, p := range children {
		if err := p.Join(ctx); err != nil {
			return err
		}
	}
	return nil
}

func all(ctx context.Context, b broker) error {
	children, err := start(consumer.With(b), consumer.With(b))
	if err != nil {
		return err
	}
	if err := b.produce(ctx, jobs); err != nil {
		return err
	}
	s := b.Sums.Load()
	fmt.Printf("done: %d, their sum: %d\n", s[0], s[1])
	return b.dismiss(ctx, children)
}

func some(ctx context.Context, b broker) error {
	victim, err := start(unlucky.With(b))
	if err != nil {
		return err
	}
	if err := b.Jobs.Put(ctx, &job{0}); err != nil {
		return err
	}
	<-victim[0].Done()
	var lost *mp.LostItemsError
	if err := b.Jobs.Join(ctx); !errors.As(err, &lost) {
		return err
	}
	fmt.Println("lost:", lost.N)
	return nil
}

func main() {
	mp.Main(func(ctx context.Context) error {
		for _, round := range []func(context.Context, broker) error{all, some} {
			b := broker{mp.Must(mp.NewJoinableQueue[*job](0)), mp.Must(mp.NewValue([2]int{}))}
			if err := round(ctx, b); err != nil {
				return err
			}
			if err := errors.Join(b.Jobs.Close(), b.Sums.Close()); err != nil {
				return err
			}
		}
		return nil
	})
}
