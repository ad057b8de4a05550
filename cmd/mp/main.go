// The command mp goes with package github.com/multiproc/mp.
//
//	mp bench [-list] [-run REGEXP] [-json FILE] [-rounds N]
//
// compares the package with CPython's multiprocessing, with goroutines and with
// what the machine allows.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/cmd/mp/workloads"
)

const usage = `mp goes with the Go package github.com/multiproc/mp.

Usage:

	mp bench [-list] [-run REGEXP] [-json FILE] [-rounds N]
		compares package mp with CPython's multiprocessing, with
		goroutines and with what the machine allows
	mp help
		prints this
`

func main() {
	if len(os.Args) == 2 && os.Args[1] == workloads.BareArgument {
		return // before Init: see workloads.BareArgument
	}
	mp.Init()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	mp.Exit(code)
}

// run runs the sub-command and returns the exit code: 1 for failure, 2 for a
// wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	var err error
	switch name, args := args[0], args[1:]; name {
	case "bench":
		err = (&bench.Command{
			// The image that runs, also if the file has been replaced meanwhile.
			Self:      []string{"/proc/self/exe"},
			Workloads: workloads.All(),
			Workers:   mp.CPUCount(),
			Stdout:    stdout,
			Stderr:    stderr,
		}).Run(ctx, args)
	case bench.ChildCommand:
		err = bench.Child(ctx, workloads.All(), args, stdout)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
	default:
		fmt.Fprintf(stderr, "mp: there is no command %q\n\n%s", name, usage)
		return 2
	}
	switch {
	case errors.Is(err, bench.ErrUsage):
		fmt.Fprintf(stderr, "mp: %v\n", err)
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "mp: %v\n", err)
		return 1
	}
	return 0
}
