// Local shows multiprocessing.dummy, or ThreadPool: the same pool, with Local set,
// runs its tasks on goroutines of this process, through the same encoding.
//
// It prints for both kinds the same squares, and whose pids the workers had.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// answer is a square, and who has found it.
type answer struct {
	Square int
	PID    int
}

var square = mp.Pure(func(x int) answer { return answer{x * x, os.Getpid()} })

func main() {
	mp.Main(func(ctx context.Context) error {
		for _, local := range []bool{false, true} {
			if err := show(ctx, local); err != nil {
				return err
			}
		}
		return nil
	})
}

func show(ctx context.Context, local bool) error {
	p, err := pool.New(pool.Options{Workers: 2, Local: local})
	if err != nil {
		return err
	}
	defer p.Close()
	answers, err := pool.Map(ctx, p, square, []int{1, 2, 3, 4, 5})
	if err != nil {
		return err
	}
	fmt.Printf("local: %t, squares:", local)
	here := 0
	for _, a := range answers {
		fmt.Print(" ", a.Square)
		if a.PID == os.Getpid() {
			here++
		}
	}
	fmt.Printf(", in this process: %d of %d\n", here, len(answers))
	return p.Shutdown(ctx)
}
