// Pool_apply shows Pool.apply_async, close and join: ten calls are submitted to
// three workers, and the results are collected when all have been submitted.
//
// It prints the mark, which comes before any result, then "hello 0: done" to
// "hello 9: done", and in how many processes that was done.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// answer is the result of a call.
type answer struct {
	Text string
	PID  int
}

var work = mp.Func(func(ctx context.Context, msg string) (answer, error) {
	select {
	case <-time.After(100 * time.Millisecond): // hard work
		return answer{msg + ": done", os.Getpid()}, nil
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
})

func main() {
	mp.Main(func(ctx context.Context) error {
		p, err := pool.New(pool.Options{Workers: 3})
		if err != nil {
			return err
		}
		defer p.Close()
		var futures []*pool.Future[answer]
		for i := range 10 {
			futures = append(futures, pool.Submit(ctx, p, work.With(fmt.Sprintf("hello %d", i))))
		}
		fmt.Println("Mark~ Mark~ Mark~")
		pids := make(map[int]bool)
		for _, f := range futures {
			a, err := f.Get(ctx)
			if err != nil {
				return err
			}
			fmt.Println(a.Text)
			pids[a.PID] = true
		}
		fmt.Printf("Sub-processes: %d\n", len(pids))
		return p.Shutdown(ctx) // close() and join()
	})
}
