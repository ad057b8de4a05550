// Daemon shows the attribute daemon of multiprocessing.Process, in the three
// programs of its tutorials: a child that its parent waits for at its end, a daemon,
// which ends with its parent, and a daemon that is joined.
//
// Each variant runs in a process of its own, whose end matters here. It prints:
// no daemon: "end!", then "work end"; daemon: "end!" and no "work end"; daemon and
// join: "work end", then "end!".
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/multiproc/mp"
)

// variant is what the three programs differ in.
type variant struct {
	Name         string
	Daemon, Join bool
	Work         time.Duration
}

var work = mp.Action(func(_ context.Context, v variant) error {
	fmt.Printf("%s: work start\n", v.Name)
	time.Sleep(v.Work)
	fmt.Printf("%s: work end\n", v.Name)
	return nil
})

// program is the main function of each of the three programs.
var program = mp.Action(func(ctx context.Context, v variant) error {
	p := mp.NewProcess(work.With(v))
	p.Daemon = v.Daemon
	if err := p.Start(); err != nil {
		return err
	}
	var err error
	if v.Join {
		err = p.Join(ctx)
	}
	fmt.Printf("%s: end!\n", v.Name)
	return err
})

func main() {
	mp.Main(func(ctx context.Context) error {
		for _, v := range []variant{
			{Name: "no daemon", Work: 300 * time.Millisecond},
			{Name: "daemon", Daemon: true, Work: time.Minute},
			{Name: "daemon and join", Daemon: true, Join: true, Work: 300 * time.Millisecond},
		} {
			p := mp.NewProcess(program.With(v))
			if err := p.Start(); err != nil {
				return err
			}
			if err := p.Join(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
