// Queue shows multiprocessing.Queue with the program of a tutorial, in which a
// writer puts without waiting, and a reader gets without waiting:
//
//	q.put(1, block = False)
//	print q.get(block = False)
//
// It ignores the exceptions Full and Empty; here they are the errors of
// TryPut and TryGet. A second part has the children of another one return their
// results through a queue. They are joined before that is read, which hangs in Python
// when the results are large: what has been put is in shared memory here, and not in
// a thread of the child.
//
// It prints 1, what a full and an empty queue say, and the squares.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/multiproc/mp"
)

// writer fills the queue, which has room for one.
var writer = mp.Action(func(_ context.Context, q *mp.Queue[int]) error {
	if err := q.TryPut(1); err != nil {
		return err
	}
	err := q.TryPut(2)
	fmt.Println("a second one, full:", errors.Is(err, mp.ErrFull))
	return nil
})

var reader = mp.Action(func(_ context.Context, q *mp.Queue[int]) error {
	v, err := q.TryGet()
	if err != nil {
		return err
	}
	fmt.Println(v)
	_, err = q.TryGet()
	fmt.Println("a second one, empty:", errors.Is(err, mp.ErrEmpty))
	return nil
})

// run runs calls, each in a process, and waits for them.
func run(ctx context.Context, calls ...mp.AnyCall) error {
	var children []*mp.Process
	for _, call := range calls {
		p := mp.NewProcess(call)
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
	return nil
}

// readAndWrite is the first part. One after the other, so that the reader finds what
// the writer has put.
func readAndWrite(ctx context.Context) error {
	q, err := mp.NewQueue[int](1)
	if err != nil {
		return err
	}
	defer q.Close()
	if err := run(ctx, writer.With(q)); err != nil {
		return err
	}
	return run(ctx, reader.With(q))
}

// A square is a result, and says whose it is: a queue has them in any order. Proof is
// there to make it large.
type square struct {
	Of, Is int
	Proof  [][]int
}

type exercise struct {
	N      int
	Output *mp.Queue[square]
}

var compute = mp.Action(func(ctx context.Context, e exercise) error {
	return e.Output.Put(ctx, square{e.N, e.N * e.N, [][]int{make([]int, 100_000)}})
})

// results is the second part.
func results(ctx context.Context) error {
	output, err := mp.NewQueue[square](0) // any number of them
	if err != nil {
		return err
	}
	defer output.Close()
	var calls []mp.AnyCall
	for n := range 4 {
		calls = append(calls, compute.With(exercise{n, output}))
	}
	if err := run(ctx, calls...); err != nil {
		return err
	}
	if err := output.Shutdown(false); err != nil { // nothing comes any more
		return err
	}
	var all []square
	for s, err := range output.All(ctx) {
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b square) int { return a.Of - b.Of })
	fmt.Print("squares:")
	for _, s := range all {
		fmt.Print(" ", s.Is)
	}
	fmt.Println()
	return nil
}

func main() {
	mp.Main(func(ctx context.Context) error {
		return errors.Join(readAndWrite(ctx), results(ctx))
	})
}
