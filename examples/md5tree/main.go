// Md5tree digests every file of a directory tree three times: serially, with
// goroutines and with a pool of processes, and compares the times and results.
// Each file costs reading it, its MD5, and the product of 1 to 300: the job of
// a tutorial on Python's multiprocessing that this library set out from.
//
//	md5tree [-dir DIR] [-workers N] [-kill N] [-poison] [-timeout D] [-seed S]
//
// Goroutines are as fast as processes and simpler, and what the program shows is
// what they cannot do. With -kill N, N workers are killed (SIGKILL) while they
// work, and the result is complete all the same. With -poison there are two more
// items, a step that never ends and one that raises SIGSEGV: each ends by itself,
// with an error that says what happened, and nothing else is lost.
//
// It exits with 0 if all that had to be complete is complete and the digests
// agree, with 1 if not, with 2 after a mistake on the command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/multiproc/mp"
)

// options are those of the command line.
type options struct {
	dir     string
	workers int           // at least 1
	kill    int           // how many workers to kill
	poison  bool          // add what never ends and what crashes
	timeout time.Duration // for each item in the pool; 0: none
	seed    uint64        // of what is random about the killing
}

// poisonTimeout is the time limit of an item where one may never end.
const poisonTimeout = 3 * time.Second

func main() {
	mp.Init() // a worker goes no further
	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(0)
	case err != nil:
		os.Exit(2)
	}
	mp.Main(func(ctx context.Context) error {
		err := run(ctx, o, os.Stdout)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return errors.New("md5tree: interrupted")
		}
		return fmt.Errorf("md5tree: %w", err)
	})
}

// parse reads the command line. What is wrong with it is on w when it returns.
func parse(args []string, w io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("md5tree", flag.ContinueOnError)
	flags.SetOutput(w)
	flags.StringVar(&o.dir, "dir", "", "the `directory` to digest (default: the sources of the Go installation)")
	flags.IntVar(&o.workers, "workers", 0, "how many goroutines and processes; 0: the CPUs that this process may use")
	flags.IntVar(&o.kill, "kill", 0, "kill (SIGKILL) that many workers while they work")
	flags.BoolVar(&o.poison, "poison", false, "add an item that never ends and one that raises SIGSEGV")
	flags.DurationVar(&o.timeout, "timeout", 0, "time limit of each item in the pool; 0: none, or 3s with -poison")
	flags.Uint64Var(&o.seed, "seed", 0, "repeat a -kill with the seed that it reported; 0: a new one")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if err := o.check(flags.Args()); err != nil {
		fmt.Fprintf(w, "md5tree: %v\n", err)
		flags.Usage()
		return o, err
	}
	return o, nil
}

// check refuses what makes no sense and fills in the defaults.
func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q; the directory is given with -dir", rest[0])
	case o.workers < 0:
		return fmt.Errorf("-workers is %d; it has to be positive, or 0 for one worker per CPU", o.workers)
	case o.kill < 0:
		return fmt.Errorf("-kill is %d; it cannot be negative", o.kill)
	case o.timeout < 0:
		return fmt.Errorf("-timeout is %v; it cannot be negative", o.timeout)
	}
	if o.workers == 0 {
		o.workers = mp.CPUCount()
	}
	if o.timeout == 0 && o.poison {
		o.timeout = poisonTimeout
	}
	for o.seed == 0 {
		o.seed = rand.Uint64()
	}
	if o.dir == "" {
		o.dir = goSources()
	}
	return nil
}

// goSources is the src directory of the Go installation, or where it would be.
func goSources() string {
	root := "/usr/local/go"
	if out, err := exec.Command("go", "env", "GOROOT").Output(); err == nil {
		if dir := strings.TrimSpace(string(out)); dir != "" {
			root = dir
		}
	}
	return filepath.Join(root, "src")
}

// run does the whole job and reports on w.
func run(ctx context.Context, o options, w io.Writer) error {
	t, err := walk(ctx, o.dir)
	if err != nil {
		return err
	}
	rep := &report{w: w, tree: t, options: o}
	rep.begin()
	if len(t.files) == 0 {
		return nil
	}
	if err := warm(ctx, t.files); err != nil {
		return err
	}
	for _, each := range []struct {
		name string
		pass func(context.Context, options, []string, func()) (*outcome, error)
		n    int
	}{
		{"serial", serial, 1},
		{"goroutines", goroutines, o.workers},
		{"processes", processes, o.workers},
	} {
		bar := newProgress(each.name, len(t.files))
		out, err := each.pass(ctx, o, t.files, bar.tick)
		bar.end()
		if err != nil {
			return fmt.Errorf("%s: %w", each.name, err)
		}
		out.name, out.workers = each.name, each.n
		rep.add(out)
	}
	return rep.finish()
}
