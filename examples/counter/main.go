// Counter shows what a lock is good for: ten processes increment one number, as in
// every tutorial about Value:
//
//	with counter.get_lock():
//	    counter.value += 1
//
// It prints 10000 for the Value, whose Update holds its lock; less for a RawValue,
// where one increment overwrites another; and 10000 again for a RawValue that is
// changed with the CPU's atomic instructions.
package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/multiproc/mp"
)

const (
	processes = 10
	times     = 1000 // of each
)

var locked = mp.Action(func(_ context.Context, counter *mp.Value[int]) error {
	for range times {
		counter.Update(func(n *int) { *n++ })
	}
	return nil
})

// unlocked is what counter.value += 1 is without the lock: to read, and to write. A
// pause in between makes happen what otherwise happens now and then.
var unlocked = mp.Action(func(_ context.Context, counter *mp.RawValue[int]) error {
	for range times {
		n := counter.Load()
		time.Sleep(10 * time.Microsecond)
		counter.Store(n + 1)
	}
	return nil
})

// Ptr is where the number is; it stays there until release is called.
var atomically = mp.Action(func(_ context.Context, counter *mp.RawValue[atomic.Int64]) error {
	n, release := counter.Ptr()
	defer release()
	for range times {
		n.Add(1)
	}
	return nil
})

// ten runs the call in ten processes at the same time.
func ten(ctx context.Context, call mp.AnyCall) error {
	var children []*mp.Process
	for range processes {
		p := mp.NewProcess(call)
		if err := p.Start(); err != nil {
			return err
		}
		children = append(children, p)
	}
	for _, p := range children {
		if err := p.Join(ctx); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	mp.Main(func(ctx context.Context) error {
		value := mp.Must(mp.NewValue(0)) // Must: without memory there is nothing to do here
		raw := mp.Must(mp.NewRawValue(0))
		bare := mp.Must(mp.NewRawValue(atomic.Int64{}))
		for _, call := range []mp.AnyCall{locked.With(value), unlocked.With(raw), atomically.With(bare)} {
			if err := ten(ctx, call); err != nil {
				return err
			}
		}
		fmt.Println("with the lock:", value.Load())
		fmt.Printf("without: %d, some are lost: %t\n", raw.Load(), raw.Load() < processes*times)
		n, release := bare.Ptr()
		defer release()
		fmt.Println("atomically:", n.Load())
		return nil
	})
}
