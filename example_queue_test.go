//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc/mp"
)

// An order is what the examples send.
type order struct {
	ID   int
	Text string
}

// A desk is where orders come in and answers go out.
type desk struct {
	Orders  *mp.Queue[order]
	Answers *mp.SimpleQueue[string]
}

var serveDesk = mp.Action(func(ctx context.Context, d desk) error {
	for o, err := range d.Orders.All(ctx) { // until the queue is shut down
		if err != nil {
			return err
		}
		if err := d.Answers.Put(fmt.Sprintf("%d: one %s", o.ID, o.Text)); err != nil {
			return err
		}
	}
	return nil
})

// A child takes orders from a queue, and answers through another.
func ExampleNewQueue() {
	orders, err := mp.NewQueue[order](10)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer orders.Close()
	answers := mp.Must(mp.NewSimpleQueue[string]())
	defer answers.Close()
	child := mp.NewProcess(serveDesk.With(desk{orders, answers}))
	if err := child.Start(); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for i, text := range []string{"coffee", "tea"} {
		if err := orders.Put(ctx, order{i, text}); err != nil {
			fmt.Println(err)
		}
	}
	_ = orders.Shutdown(false) // what is in it is still taken
	fmt.Println(child.Join(ctx))
	for !answers.Empty() {
		fmt.Println(answers.Get(ctx))
	}
	// Output:
	// <nil>
	// 0: one coffee <nil>
	// 1: one tea <nil>
}

// Without waiting: errors say that a queue is full, or empty.
func ExampleQueue_TryPut() {
	q := mp.Must(mp.NewQueue[int](1))
	defer q.Close()
	fmt.Println(q.TryPut(1), errors.Is(q.TryPut(2), mp.ErrFull))
	v, err := q.TryGet()
	fmt.Println(v, err)
	_, err = q.TryGet()
	fmt.Println(errors.Is(err, mp.ErrEmpty))
	// Output:
	// <nil> true
	// 1 <nil>
	// true
}

// An inquiry brings the queue for its answer along.
type inquiry struct {
	N      int
	Answer *mp.Queue[int]
}

var squareInquiries = mp.Action(func(ctx context.Context, q *mp.Queue[inquiry]) error {
	for in, err := range q.All(ctx) {
		if err != nil {
			return err
		}
		if err := in.Answer.Put(ctx, in.N*in.N); err != nil {
			return err
		}
		if err := in.Answer.Close(); err != nil { // this process's handle on it
			return err
		}
	}
	return nil
})

// Handles on shared objects are fields of items like any other.
func ExampleQueue_Put() {
	q := mp.Must(mp.NewQueue[inquiry](0))
	defer q.Close()
	child := mp.NewProcess(squareInquiries.With(q))
	if err := child.Start(); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	answer := mp.Must(mp.NewQueue[int](1))
	defer answer.Close()
	fmt.Println(q.Put(ctx, inquiry{7, answer}))
	fmt.Println(answer.Get(ctx))
	_ = q.Shutdown(false)
	fmt.Println(child.Join(ctx))
	// Output:
	// <nil>
	// 49 <nil>
	// <nil>
}

// A ward is a queue whose items somebody waits for.
type ward struct {
	Jobs *mp.JoinableQueue[int]
	Sum  *mp.Value[int]
}

var addUp = mp.Action(func(ctx context.Context, w ward) error {
	for n, err := range w.Jobs.All(ctx) {
		if err != nil {
			return err
		}
		w.Sum.Update(func(sum *int) { *sum += n })
		if err := w.Jobs.TaskDone(); err != nil {
			return err
		}
	}
	return nil
})

// Join returns when two children are done with all of the items.
func ExampleJoinableQueue_Join() {
	w := ward{mp.Must(mp.NewJoinableQueue[int](0)), mp.Must(mp.NewValue(0))}
	defer w.Jobs.Close()
	defer w.Sum.Close()
	var children []*mp.Process
	for range 2 {
		p := mp.NewProcess(addUp.With(w))
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		children = append(children, p)
	}
	ctx := context.Background()
	for n := range 101 {
		if err := w.Jobs.Put(ctx, n); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(w.Jobs.Join(ctx), w.Sum.Load())
	_ = w.Jobs.Shutdown(false)
	for _, p := range children {
		fmt.Println(p.Join(ctx))
	}
	// Output:
	// <nil> 5050
	// <nil>
	// <nil>
}
