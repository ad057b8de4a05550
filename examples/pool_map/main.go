// Pool_map shows Pool.map, Pool.imap_unordered and Pool.starmap.
//
// It prints the squares in order, the sum of the squares that came in any order,
// and powers, for which the task takes two arguments.
package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

var square = mp.Pure(func(x int) int { return x * x })

var power = mp.Func2(func(_ context.Context, base, exponent int) (int, error) {
	if exponent < 0 {
		return 0, fmt.Errorf("%d to the power of %d is no integer", base, exponent)
	}
	result := 1
	for range exponent {
		result *= base
	}
	return result, nil
})

func main() {
	mp.Main(func(ctx context.Context) error {
		p, err := pool.New(pool.Options{Workers: 4})
		if err != nil {
			return err
		}
		defer p.Close()

		squares, err := pool.Map(ctx, p, square, []int{1, 2, 3, 4, 5})
		if err != nil {
			return err
		}
		fmt.Println("map:", squares)

		sum := 0
		for value, err := range pool.ImapUnordered(ctx, p, square, slices.Values([]int{1, 2, 3, 4, 5})) {
			if err != nil {
				return err
			}
			sum += value
		}
		fmt.Println("imap_unordered, the sum:", sum)

		powers, err := pool.Map(ctx, p, power, mp.Zip2([]int{2, 3, 10}, []int{10, 4, 3}))
		if err != nil {
			return err
		}
		fmt.Println("starmap:", powers)

		_, err = pool.Map(ctx, p, power, mp.Zip2([]int{2, 3}, []int{5, -1}))
		fmt.Println("an error:", err)
		return nil
	})
}
