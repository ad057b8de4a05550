// Futures shows concurrent.futures: submit, as_completed, wait and cancel.
//
// It prints the calls as they end, the quick ones first; what wait returns after
// the first has ended; and what becomes of a call that is cancelled before it runs
// and of one that is cancelled while it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// nap sleeps for some milliseconds, and says for how many.
var nap = mp.Func(func(ctx context.Context, ms int) (int, error) {
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-ctx.Done():
	}
	return ms, ctx.Err()
})

const forever = 1_000_000 // until it is cancelled

func main() {
	mp.Main(func(ctx context.Context) error {
		p, err := pool.New(pool.Options{Workers: 3})
		if err != nil {
			return err
		}
		defer p.Close()
		submit := func(ms int) *pool.Future[int] { return pool.Submit(ctx, p, nap.With(ms)) }

		for f, err := range pool.AsCompleted(ctx, submit(600), submit(10), submit(300)) {
			if err != nil {
				return err
			}
			ms, err := f.Get(ctx)
			fmt.Println("completed:", ms, err)
		}

		long, short := submit(forever), submit(10)
		done, pending, err := pool.Wait(ctx, pool.FirstDone, long, short)
		fmt.Printf("wait: %d done, %d pending, the short one is %s, %v\n", len(done), len(pending), short.State(), err)

		busy := []*pool.Future[int]{submit(forever), submit(forever)} // now all three workers are
		queued := submit(1)
		fmt.Println("cancel before it runs:", queued.Cancel())
		_, err = queued.Get(ctx)
		fmt.Println("  its error:", err, errors.Is(err, pool.ErrCancelled))
		fmt.Println("cancel while it runs:", long.Cancel())
		_, err = long.Get(ctx)
		fmt.Println("  its error:", err, errors.Is(err, context.Canceled))
		fmt.Println("cancel what is done:", short.Cancel())
		fmt.Println("cancel the others:", busy[0].Cancel(), busy[1].Cancel())
		return p.Shutdown(ctx)
	})
}
