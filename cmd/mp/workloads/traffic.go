package workloads

import (
	"context"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

// traffic is a queue, and processes that put and get.
type traffic[T any] struct {
	producers, consumers int
	capacity             int // of the queue; 0: no bound
	put, get             *mp.Task[Shift[T], mp.None]
	sum                  func(n int) int // of the numbers of the items 0 to n-1
}

// A Shift is what one of the processes gets to know.
type Shift[T any] struct {
	Queue  *mp.Queue[T]
	Orders *mp.Conn // a Span comes, again and again, and a Yield goes back when it is done
}

// A Span is which items of a sequence a process has to put, or how many to get.
type Span struct{ Lo, Hi int }

// spanOf returns the i-th of equal parts of n items.
func spanOf(n, i, parts int) Span { return Span{i * n / parts, (i + 1) * n / parts} }

// A Yield is what a process has got.
type Yield struct {
	Items int
	Sum   int // of their numbers
}

func (y *Yield) add(number int) {
	y.Items++
	y.Sum += number
}

// checkYields returns how many items have come out.
func checkYields(yields []Yield, sum int) (items int, err error) {
	have := 0
	for _, y := range yields {
		items += y.Items
		have += y.Sum
	}
	if have != sum {
		err = wrong("the sum of what has come out", have, sum)
	}
	return items, err
}

// putting is what producers do, with items made of their numbers.
func putting[T any](item func(number int) T) func(context.Context, Shift[T]) error {
	return func(ctx context.Context, s Shift[T]) error {
		return s.work(ctx, func(span Span) (y Yield, err error) {
			for i := span.Lo; i < span.Hi; i++ {
				if err := s.Queue.Put(ctx, item(i)); err != nil {
					return y, err
				}
			}
			return y, nil
		})
	}
}

// getting is what consumers do; number finds that of an item.
func getting[T any](number func(item T) (int, error)) func(context.Context, Shift[T]) error {
	return func(ctx context.Context, s Shift[T]) error {
		return s.work(ctx, func(span Span) (y Yield, err error) {
			var item T
			for range span.Hi - span.Lo {
				if err := s.Queue.GetInto(ctx, &item); err != nil {
					return y, err
				}
				n, err := number(item)
				if err != nil {
					return y, err
				}
				y.add(n)
			}
			return y, nil
		})
	}
}

// work does one span after another, until its context ends.
func (s Shift[T]) work(ctx context.Context, do func(Span) (Yield, error)) error {
	for {
		span, err := mp.Recv[Span](ctx, s.Orders)
		if err != nil {
			return err
		}
		y, err := do(span)
		if err != nil {
			return err
		}
		if err := s.Orders.Send(ctx, y); err != nil {
			return err
		}
	}
}

// measure starts the processes, and has timed time them.
func (t traffic[T]) measure(ctx context.Context, timed func(pass func(n int) (done int, err error)) (bench.Values, error)) (values bench.Values, err error) {
	q, err := mp.NewQueue[T](t.capacity)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	crew := newCrew(ctx)
	defer func() { err = crew.dismiss(err) }()
	consumers, err := staff(crew, t.consumers, q, t.get)
	if err != nil {
		return nil, err
	}
	producers, err := staff(crew, t.producers, q, t.put)
	if err != nil {
		return nil, err
	}
	return timed(func(n int) (int, error) {
		for _, side := range [][]*mp.Conn{consumers, producers} {
			for i, conn := range side {
				if err := conn.Send(crew.ctx, spanOf(n, i, len(side))); err != nil {
					return 0, err
				}
			}
		}
		var yields []Yield
		for _, conn := range crew.conns {
			y, err := mp.Recv[Yield](crew.ctx, conn)
			if err != nil {
				return 0, err
			}
			yields = append(yields, y)
		}
		if !q.Empty() {
			return 0, wrong("what is left in the queue", q.Len(), 0)
		}
		return checkYields(yields, t.sum(n))
	})
}

// staff hires n processes for one side of a queue.
func staff[T any](c *crew, n int, q *mp.Queue[T], task *mp.Task[Shift[T], mp.None]) (conns []*mp.Conn, err error) {
	for range n {
		conn, err := c.hireAt(func(orders *mp.Conn) mp.AnyCall { return task.With(Shift[T]{q, orders}) })
		if err != nil {
			return nil, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}
