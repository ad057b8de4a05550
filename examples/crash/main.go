// Crash shows that a worker that dies takes only its own call with it. Python's
// Pool would wait for ever, its ProcessPoolExecutor would be broken.
//
// Of ten items one crashes the runtime, one exits and one is killed. It prints how
// each of them ended, with the last words of the first, and the other results. The
// crash text of the worker is on stderr too, as that of any Go program.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

var risky = mp.Pure(func(x int) int {
	switch x {
	case 3:
		defer func() { _ = recover() }() // no help: it is another goroutine
		go func() { panic("three is too much") }()
		select {}
	case 5:
		os.Exit(7) // as a C library may do
	case 7:
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill() // as the kernel does when memory runs out
		}
		select {}
	}
	return x * x
})

func main() {
	mp.Main(func(ctx context.Context) error {
		p, err := pool.New(pool.Options{Workers: 2})
		if err != nil {
			return err
		}
		defer p.Close()
		squares, err := pool.Map(ctx, p, risky, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, pool.KeepGoing())
		fmt.Println("squares:", squares)
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			return fmt.Errorf("three items should have failed: %w", err)
		}
		for _, err := range joined.Unwrap() {
			var item *pool.TaskError
			var died *pool.WorkerDiedError
			if !errors.As(err, &item) || !errors.As(err, &died) {
				return err
			}
			words, _, _ := strings.Cut(died.LastWords, "\n")
			fmt.Printf("item %d: exit code %d, cause %q, last words %q\n", item.Index, died.ExitCode, died.Cause, words)
		}
		return p.Shutdown(ctx)
	})
}
