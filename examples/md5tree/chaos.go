package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

const (
	// jitter is at most how long a kill waits after its item has ended.
	jitter = 2 * time.Millisecond
	// patience bounds the wait for a living worker to kill, and for its end.
	patience = 10 * time.Second
)

// A kill is a worker that was killed.
type kill struct {
	pid int
	at  time.Duration // after the start
}

// chaos kills workers while a pool works through its items, at random moments:
// each kill is due when a random number of items have ended, and then waits a
// little. The last item is held back until the killing is over, so that all of it
// hits a pool at work, also where there is hardly any work.
type chaos struct {
	random  *rand.Rand
	start   time.Time
	workers func() []int
	when    []int // how many items have to have ended for each kill
	ended   int   // how many have
	due     chan struct{}
	over    chan struct{} // closed when the killing is over

	// The rest belongs to the goroutine that kills, until over is closed.

	kills []kill
	err   error // why there are fewer kills than there should be
}

// unleash starts the killing of n workers in a run over that many items.
func unleash(ctx context.Context, n int, seed uint64, items int, workers func() []int) *chaos {
	c := &chaos{
		random:  rand.New(rand.NewPCG(seed, 0)),
		start:   time.Now(),
		workers: workers,
		when:    make([]int, n),
		due:     make(chan struct{}, n),
		over:    make(chan struct{}),
	}
	for i := range c.when {
		c.when[i] = c.random.IntN(max(items-1, 1))
	}
	slices.Sort(c.when)
	c.release()
	go func() {
		defer close(c.over)
		for range n {
			if c.err = c.strike(ctx); c.err != nil {
				return
			}
		}
	}()
	return c
}

// tick notes that an item has ended.
func (c *chaos) tick() {
	c.ended++
	c.release()
}

// release lets the kills go that are due.
func (c *chaos) release() {
	for len(c.when) > 0 && c.when[0] <= c.ended {
		c.when = c.when[1:]
		c.due <- struct{}{}
	}
}

// feed yields the items, the last one when the killing is over.
func (c *chaos) feed(ctx context.Context, items []item) iter.Seq[item] {
	return func(yield func(item) bool) {
		for i, it := range items {
			if i == len(items)-1 {
				select {
				case <-c.over:
				case <-ctx.Done():
					return
				}
			}
			if !yield(it) {
				return
			}
		}
	}
}

// strike waits until a kill is due, kills, and waits until the pool has noticed.
func (c *chaos) strike(ctx context.Context) error {
	select {
	case <-c.due:
	case <-ctx.Done():
		return ctx.Err()
	}
	pause(ctx, time.Duration(c.random.Int64N(int64(jitter))))
	var victim int
	killed := wait(ctx, func() bool {
		alive := c.workers()
		if len(alive) == 0 {
			return false
		}
		slices.Sort(alive)
		victim = alive[c.random.IntN(len(alive))]
		process, err := os.FindProcess(victim)
		return err == nil && process.Kill() == nil
	})
	if !killed {
		return errors.Join(errors.New("no worker was left to kill"), ctx.Err())
	}
	c.kills = append(c.kills, kill{victim, time.Since(c.start)})
	if !wait(ctx, func() bool { return !slices.Contains(c.workers(), victim) }) {
		return errors.Join(fmt.Errorf("the pool does not notice that pid %d is dead", victim), ctx.Err())
	}
	return nil
}

// wait waits until something is so, and says whether it is: if ctx ends or
// patience does, it may not be.
func wait(ctx context.Context, so func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !so() {
		if ctx.Err() != nil {
			return false
		}
		pause(ctx, time.Millisecond)
	}
	return true
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
