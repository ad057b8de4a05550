//go:build linux

package mp_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/trial"
)

// Of the goroutines of a process that wait for one thing only one sleeps in the kernel.
// An end that does not reach those behind it costs a look at the clock for each.
func TestTheEndReachesACrowdAtOnce(t *testing.T) {
	type call = func(context.Context) error
	unbounded := func() *mp.Queue[int] { return mp.Must(mp.NewQueue[int](0)) }
	for name, begin := range map[string]func(t *testing.T) (wait call, end func() error){
		"Get and Shutdown": func(*testing.T) (call, func() error) {
			q := unbounded()
			return func(ctx context.Context) error { _, err := q.Get(ctx); return err },
				func() error { return q.Shutdown(false) }
		},
		"Put and Shutdown": func(t *testing.T) (call, func() error) {
			q := mp.Must(mp.NewQueue[int](1))
			require.NoError(t, q.Put(bounded(t), 0))
			return func(ctx context.Context) error { return q.Put(ctx, 1) },
				func() error { return q.Shutdown(false) }
		},
		"Wait and Shutdown": func(*testing.T) (call, func() error) {
			q := unbounded()
			return func(ctx context.Context) error {
				_, err := mp.Wait(ctx, q)
				if err == nil {
					_, err = q.TryGet()
				}
				return err
			}, func() error { return q.Shutdown(false) }
		},
		"Get and Close": func(*testing.T) (call, func() error) {
			q := unbounded()
			return func(ctx context.Context) error { _, err := q.Get(ctx); return err }, q.Close
		},
		"Recv and Close": func(t *testing.T) (call, func() error) {
			a, b := pipePair(t)
			return func(ctx context.Context) error { _, err := a.RecvBytes(ctx, 0); return err }, b.Close
		},
		"Send and Close": func(t *testing.T) (call, func() error) {
			a, b := pipePair(t)
			for ctx, room := bounded(t), true; room; {
				short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				room = a.SendBytes(short, []byte("full")) == nil
				cancel()
			}
			return func(ctx context.Context) error { return a.SendBytes(ctx, nil) }, b.Close
		},
	} {
		t.Run(name, func(t *testing.T) {
			wait, end := begin(t)
			const n = 500
			errs := make(chan error, n)
			var started sync.WaitGroup
			started.Add(n)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			for range n {
				go func() {
					started.Done()
					errs <- wait(ctx)
				}()
			}
			started.Wait()
			time.Sleep(100 * time.Millisecond) // for most of them to sleep; who comes later only looks
			require.Empty(t, errs)
			require.NoError(t, end())
			trial.Returns(t, "one of a crowd", func() {
				for range n {
					if err := <-errs; err == nil || ctx.Err() != nil {
						t.Errorf("it ended with %v", err)
					}
				}
			})
		})
	}
}
