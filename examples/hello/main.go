// Hello is the shortest useful program, the one in the README: a pool with a
// worker for each CPU, and a map over it. In Python:
//
//	with Pool() as p: print(p.map(square, [1, 2, 3, 4]))
//
// It prints [1 4 9 16] <nil>.
package main

import (
	"context"
	"fmt"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

var square = mp.Pure(func(x int) int { return x * x }) // at package level: the same in every process

func main() {
	mp.Init() // the first statement: a child does its work here, and never returns
	p, err := pool.New(pool.Options{})
	if err != nil {
		panic(err)
	}
	defer p.Close()
	squares, err := pool.Map(context.Background(), p, square, []int{1, 2, 3, 4})
	fmt.Println(squares, err) // [1 4 9 16] <nil>
}
