//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

var cube = mp.Pure(func(x int) int { return x * x * x })

func Example() {
	p, err := pool.New(pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	cubes, err := pool.Map(context.Background(), p, cube, []int{1, 2, 3, 4})
	fmt.Println(cubes, err)
	// Output: [1 8 27 64] <nil>
}

func ExampleSubmit() {
	p, err := pool.New(pool.Options{Workers: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	ctx := context.Background()
	f := pool.Submit(ctx, p, cube.With(5))
	fmt.Println(f.Get(ctx))
	// Output: 125 <nil>
}

func ExampleImap() {
	p, err := pool.New(pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	endless := func(yield func(int) bool) {
		for i := 1; yield(i); i++ {
		}
	}
	for v, err := range pool.Imap(context.Background(), p, cube, endless) {
		if err != nil || v > 100 {
			break // what is in flight is cancelled
		}
		fmt.Println(v)
	}
	// Output:
	// 1
	// 8
	// 27
	// 64
}

var spinning = mp.Func(func(_ context.Context, hang bool) (string, error) {
	for n := 0; hang; n++ {
		_ = n
	}
	return "done", nil
})

// A task that never returns is killed; the others do not notice.
func ExampleTimeout() {
	p, err := pool.New(pool.Options{Workers: 2, KillGrace: 50 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	out, err := pool.Map(context.Background(), p, spinning, []bool{false, true, false},
		pool.Timeout(100*time.Millisecond), pool.KeepGoing())
	fmt.Printf("%q\n%v\n", out, errors.Is(err, mp.ErrTimeout))
	// Output:
	// ["done" "" "done"]
	// true
}

func ExampleAsCompleted() {
	p, err := pool.New(pool.Options{Workers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	ctx := context.Background()
	var fs []*pool.Future[int]
	for i := range 4 {
		fs = append(fs, pool.Submit(ctx, p, cube.With(i)))
	}
	var values []int
	for f, err := range pool.AsCompleted(ctx, fs...) {
		if err != nil {
			break
		}
		v, _ := f.Get(ctx)
		values = append(values, v)
	}
	slices.Sort(values)
	fmt.Println(values)
	// Output: [0 1 8 27]
}
