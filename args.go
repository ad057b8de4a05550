package mp

import (
	"context"
	"fmt"

	"github.com/multiproc/mp/internal/task"
)

// Args2 is two arguments in one.
type Args2[A, B any] struct {
	A A
	B B
}

// Args3 is three arguments in one.
type Args3[A, B, C any] struct {
	A A
	B B
	C C
}

// Func2 declares a task with two arguments. Bind them with
// t.With(mp.Pack2(a, b)), and map it over mp.Zip2(as, bs).
func Func2[A, B, Out any](fn func(context.Context, A, B) (Out, error)) *Task[Args2[A, B], Out] {
	return &Task[Args2[A, B], Out]{task.New[Args2[A, B], Out](fn, func(ctx context.Context, in Args2[A, B]) (Out, error) {
		return fn(ctx, in.A, in.B)
	})}
}

// Func3 declares a task with three arguments. See Func2.
func Func3[A, B, C, Out any](fn func(context.Context, A, B, C) (Out, error)) *Task[Args3[A, B, C], Out] {
	return &Task[Args3[A, B, C], Out]{task.New[Args3[A, B, C], Out](fn, func(ctx context.Context, in Args3[A, B, C]) (Out, error) {
		return fn(ctx, in.A, in.B, in.C)
	})}
}

// Pack2 packs the arguments of a task that was declared with Func2.
func Pack2[A, B any](a A, b B) Args2[A, B] { return Args2[A, B]{a, b} }

// Pack3 packs the arguments of a task that was declared with Func3.
func Pack3[A, B, C any](a A, b B, c C) Args3[A, B, C] { return Args3[A, B, C]{a, b, c} }

// Zip2 packs as[i] and bs[i] for each i: the items for mapping a task of two
// arguments, which Python calls starmap. It panics if the lengths differ.
func Zip2[A, B any](as []A, bs []B) []Args2[A, B] {
	if len(as) != len(bs) {
		panic(fmt.Sprintf("mp: Zip2 of slices with %d and %d items; they have to be of equal length", len(as), len(bs)))
	}
	packed := make([]Args2[A, B], len(as))
	for i := range as {
		packed[i] = Pack2(as[i], bs[i])
	}
	return packed
}

// Zip3 packs as[i], bs[i] and cs[i] for each i. It panics if the lengths differ.
func Zip3[A, B, C any](as []A, bs []B, cs []C) []Args3[A, B, C] {
	if len(as) != len(bs) || len(bs) != len(cs) {
		panic(fmt.Sprintf("mp: Zip3 of slices with %d, %d and %d items; they have to be of equal length", len(as), len(bs), len(cs)))
	}
	packed := make([]Args3[A, B, C], len(as))
	for i := range as {
		packed[i] = Pack3(as[i], bs[i], cs[i])
	}
	return packed
}
