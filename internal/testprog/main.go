//go:build linux

// Command testprog is the programs that the tests of package mp run: what only
// a whole program can show, such as a main that forgets mp.Init, a parent that
// is killed, or an orderly end. The first argument says which program it is.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/multiproc/mp"
)

// programs are the main functions.
var programs = map[string]func(){
	"init-start":   initStart,
	"before-init":  beforeInit,
	"never-init":   neverInit,
	"lost-exit":    lostExit,
	"lost-hang":    lostHang,
	"lost-panic":   lostPanic,
	"faults":       mp.Init,
	"same-errors":  mp.Init,
	"late":         late,
	"conditional":  conditional,
	"run":          run,
	"marker":       marker,
	"closed":       closed,
	"few-files":    fewFiles,
	"no-proc":      noProc,
	"cpus":         cpus,
	"stdin":        stdin,
	"end":          end,
	"hooks":        hooks,
	"fail":         fail,
	"wait":         wait,
	"wait-nil":     waitNil,
	"stubborn":     stubborn,
	"orphans":      orphans,
	"nested-error": nestedError,
	"descriptors":  descriptors,
	"globals":      globals,
	"auth-key":     authKey,
	"forget":       forget,
}

func main() {
	program := programs[name()]
	if program == nil {
		fmt.Fprintf(os.Stderr, "testprog: no program %q\n", name())
		os.Exit(64)
	}
	program()
}

// name is the name of the program.
func name() string {
	if len(os.Args) < 2 {
		return ""
	}
	return os.Args[1]
}

// Every process of a program adds a line to a file, so that a test can count
// them, also those that have ended.
func init() {
	path, ok := os.LookupEnv("TESTPROG_BIRTHS")
	if !ok {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
		f.Close()
	}
	if err != nil {
		panic(err)
	}
}

// Tasks of several programs.
var (
	square  = mp.Pure(func(x int) int { return x * x })
	nothing = mp.Action0(func(context.Context) error { return nil })
)

var none = mp.None{}

// try runs a task and says what became of it.
func try() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := mp.Run(ctx, square.With(7))
	if err == nil {
		fmt.Println("result", out)
	}
	return err
}

// exitWith prints an error as a careful program does, and exits.
func exitWith(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
