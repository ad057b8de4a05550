// Sum1g sums a gibibyte that all workers of a pool share: an Array[int64], which
// takes its memory once, however many processes look at it. What travels to a
// worker is a reference of a few bytes.
//
// It prints the size, the workers, and time and speed of what it does: to create
// the array; to fill it, which includes that each page is touched for the first
// time; and two passes that sum all of it. The sum is checked.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// A part is what one worker works on: items From to To of the array.
type part struct {
	Array    *mp.Array[int64]
	From, To int
}

// Both use Slice, which leaves the lock alone, and so can run at the same time: the
// parts have nothing in common. Update and View would let in one after the other.
var fill = mp.Pure(func(p part) int {
	items, release := p.Array.Slice()
	defer release()
	for i := p.From; i < p.To; i++ {
		items[i] = int64(i)
	}
	return p.To - p.From
})

var sum = mp.Pure(func(p part) (total int64) {
	items, release := p.Array.Slice()
	defer release()
	for _, x := range items[p.From:p.To] {
		total += x
	}
	return total
})

var mib = flag.Int("mib", 1024, "size of the array in MiB")

// took says how long something took, and how fast that was.
func took(what string, start time.Time) {
	d := time.Since(start)
	fmt.Printf("%-12s %8.1f ms %8.2f GiB/s\n", what, d.Seconds()*1e3, float64(*mib)/1024/d.Seconds())
}

func run(ctx context.Context) error {
	flag.Parse()
	workers, n := mp.CPUCount(), *mib<<20/8
	start := time.Now()
	a, err := mp.NewArray[int64](n)
	if err != nil {
		return err
	}
	defer a.Close()
	fmt.Printf("size: %d MiB, workers: %d\n", *mib, workers)
	took("created", start)

	p, err := pool.New(pool.Options{Workers: workers})
	if err != nil {
		return err
	}
	defer p.Close()
	var parts []part
	for i := range workers {
		parts = append(parts, part{a, n * i / workers, n * (i + 1) / workers})
	}

	start = time.Now()
	if _, err := pool.Map(ctx, p, fill, parts); err != nil {
		return err
	}
	took("filled", start)
	for _, pass := range []string{"first pass", "second pass"} {
		start = time.Now()
		sums, err := pool.Map(ctx, p, sum, parts)
		if err != nil {
			return err
		}
		var total int64
		for _, s := range sums {
			total += s
		}
		took(pass, start)
		if want := int64(n/2) * int64(n-1); total != want { // 0 + 1 + ... + n-1
			return fmt.Errorf("the sum is %d, not %d", total, want)
		}
	}
	fmt.Println("the sum is right, both times")
	return nil
}

func main() { mp.Main(run) }
