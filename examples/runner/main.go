// Runner shows what in Python is a subclass of Process that overrides run: the
// ClockProcess of many a tutorial. A type with a method Run is the argument, its fields
// are what __init__ has stored.
//
// It prints the time three times, from another process.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/multiproc/mp"
)

// ClockProcess tells the time now and then.
type ClockProcess struct {
	Interval time.Duration
	Times    int
}

// Run is what the process does.
func (c ClockProcess) Run(ctx context.Context) error {
	ticker := time.NewTicker(c.Interval)
	defer ticker.Stop()
	for i := range c.Times {
		select {
		case now := <-ticker.C:
			fmt.Printf("%d: the time is %s\n", i+1, now.Format(time.ANSIC))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

var clock = mp.Runner[ClockProcess]()

func main() {
	mp.Main(func(ctx context.Context) error {
		p := mp.NewProcess(clock.With(ClockProcess{Interval: 100 * time.Millisecond, Times: 3}))
		p.Name = "clock"
		if err := p.Start(); err != nil {
			return err
		}
		fmt.Printf("%s is alive: %t\n", p.Name, p.Alive())
		return p.Join(ctx)
	})
}
