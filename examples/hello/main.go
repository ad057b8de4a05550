// Hello is the shortest useful program: a pool with a worker for each CPU, and a
// map over it. In Python: with Pool() as p: print(p.map(square, range(10))).
//
// It prints [0 1 4 9 16 25 36 49 64 81].
package main

import (
	"context"
	"fmt"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

var square = mp.Pure(func(x int) int { return x * x })

func main() {
	mp.Main(func(ctx context.Context) error {
		p, err := pool.New(pool.Options{})
		if err != nil {
			return err
		}
		defer p.Close()
		squares, err := pool.Map(ctx, p, square, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
		fmt.Println(squares)
		return err
	})
}
