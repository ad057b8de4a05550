// Timeout_kill shows what neither a goroutine nor Python's Pool can do: a call
// that never returns is stopped, its worker is killed and replaced, and the pool
// lives on.
//
// It prints the errors of a call that its context ends and of one that has a time
// limit, then the result of a call that came after them.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// hang does not return, whatever its context says.
var hang = mp.Action0(func(context.Context) error {
	for n := uint64(1); n > 0; n++ { // for some centuries
	}
	return nil
})

var square = mp.Pure(func(x int) int { return x * x })

func main() {
	mp.Main(func(ctx context.Context) error {
		p, err := pool.New(pool.Options{Workers: 1, KillGrace: 100 * time.Millisecond})
		if err != nil {
			return err
		}
		defer p.Close()

		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		_, err = pool.Apply(short, p, hang.With(mp.None{}))
		fmt.Println("the context has ended:", err, errors.Is(err, context.DeadlineExceeded))

		_, err = pool.Apply(ctx, p, hang.With(mp.None{}), pool.Timeout(200*time.Millisecond))
		fmt.Println("the time limit is over:", err, errors.Is(err, mp.ErrTimeout))

		nine, err := pool.Apply(ctx, p, square.With(3))
		fmt.Println("the pool lives on:", nine, err)
		fmt.Println("workers killed:", p.Stats().Killed)
		return nil
	})
}
