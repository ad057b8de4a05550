// Process shows multiprocessing.Process: start, join, name, pid, is_alive and
// exitcode.
//
// Each of three children prints its name. The parent prints for each how it
// looked while it ran, and how it ended: by itself (0), with an exit code of its
// own (3), and by a signal (-9).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/multiproc/mp"
)

// greet ends as its argument says: with an exit code or, if that is negative, when
// somebody ends it.
var greet = mp.Action(func(ctx context.Context, code int) error {
	fmt.Printf("child %s of %s: pid is mine: %t\n", mp.Self().Name, mp.Parent().Name, mp.Self().PID() == os.Getpid())
	switch {
	case code > 0:
		os.Exit(code)
	case code < 0:
		<-ctx.Done()
	}
	return nil
})

func main() {
	mp.Main(func(ctx context.Context) error {
		fmt.Println("parent", mp.Self().Name)
		for i, code := range []int{0, 3, -9} {
			p := mp.NewProcess(greet.With(code))
			if i == 0 {
				p.Name = "first"
			}
			if err := p.Start(); err != nil {
				return err
			}
			fmt.Printf("%s started, it has a pid: %t\n", p.Name, p.PID() > 0)
			if code < 0 {
				fmt.Printf("%s is alive: %t\n", p.Name, p.Alive())
				if err := p.Kill(); err != nil {
					return err
				}
			}
			err := p.Join(ctx)
			got, exited := p.ExitCode()
			fmt.Printf("%s joined, exited: %t, exit code: %d, alive: %t\n", p.Name, exited, got, p.Alive())
			var exit *mp.ExitError
			if errors.As(err, &exit) {
				fmt.Printf("  cause: %s\n", exit.Cause)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
}
