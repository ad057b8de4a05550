// Value_array shows multiprocessing.Value and Array, in the program of its
// documentation: a child sets a number and negates an array, and the parent, whose
// memory it is as well, sees that. In Python:
//
//	def f(n, a):
//	    n.value = 3.1415927
//	    for i in range(len(a)):
//	        a[i] = -a[i]
//
// It prints 3.1415927 and [0 -1 -2 -3 -4 -5 -6 -7 -8 -9], as Python does; then
// a struct, which a Value can hold as well.
package main

import (
	"context"
	"fmt"

	"github.com/multiproc/mp"
)

// f gets handles of its own on what the parent has made: nothing is copied.
var f = mp.Func2(func(_ context.Context, n *mp.Value[float64], a *mp.Array[int32]) (mp.None, error) {
	n.Store(3.1415927)
	for i := range a.Len() {
		a.Set(i, -a.At(i)) // each holds the array's lock; nobody else is there in between
	}
	return mp.None{}, nil
})

// A point has no pointers, slices or strings in it: then it can be shared.
type point struct{ X, Y float64 }

// Update holds the lock and stores the struct as a whole: nobody sees a half of it,
// not even if this process dies in the middle.
var double = mp.Action(func(_ context.Context, p *mp.Value[point]) error {
	p.Update(func(p *point) { p.X, p.Y = 2*p.X, 2*p.Y })
	return nil
})

// join runs a call in a process of its own, and waits for its end.
func join(ctx context.Context, call mp.AnyCall) error {
	p := mp.NewProcess(call)
	if err := p.Start(); err != nil {
		return err
	}
	return p.Join(ctx)
}

func main() {
	mp.Main(func(ctx context.Context) error {
		// The type is that of the argument: float64 is Python's 'd', int32 its 'i'.
		num, err := mp.NewValue(0.0)
		if err != nil {
			return err
		}
		defer num.Close()
		arr, err := mp.ArrayOf([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
		if err != nil {
			return err
		}
		defer arr.Close()
		if err := join(ctx, f.With(mp.Pack2(num, arr))); err != nil {
			return err
		}
		fmt.Println(num.Load())
		arr.View(func(items []int32) { fmt.Println(items) }) // arr[:]

		pt, err := mp.NewValue(point{1.875, -6.25})
		if err != nil {
			return err
		}
		defer pt.Close()
		if err := join(ctx, double.With(pt)); err != nil {
			return err
		}
		fmt.Println(pt.Load())
		return nil
	})
}
