//go:build linux

package pool_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/multiproc/mp"
)

// The tasks that many tests use.
var (
	square = mp.Pure(func(x int) int { return x * x })
	pidOf  = mp.Pure(func(int) int { return os.Getpid() })
	echo   = mp.Pure(func(b []byte) []byte { return b })
	add    = mp.Func2(func(_ context.Context, a, b int) (int, error) { return a + b, nil })

	// divide fails with an error for 0.
	divide = mp.Func(func(_ context.Context, by int) (int, error) {
		if by == 0 {
			return 0, errors.New("division by nothing")
		}
		return 100 / by, nil
	})
	// exit ends the worker.
	exit = mp.Func(func(_ context.Context, code int) (int, error) {
		os.Exit(code)
		return 0, nil
	})
	// signalled sends the worker a signal and waits for its effect.
	signalled = mp.Func(func(_ context.Context, sig int) (int, error) {
		if err := syscall.Kill(os.Getpid(), syscall.Signal(sig)); err != nil {
			return 0, err
		}
		time.Sleep(time.Hour)
		return 0, nil
	})
	// goexit ends the goroutine of the task.
	goexit = mp.Func(func(context.Context, int) (int, error) {
		runtime.Goexit()
		return 0, nil
	})
)

// A stay is the argument of hold.
type stay struct {
	Dir  string
	ID   int
	Deaf bool // it does not listen to its context
}

// hold notes its ID in Dir/started and returns it when there is a file Dir/go,
// or the error of its context when that ends. Nothing holds when Dir is gone.
var hold = mp.Func(func(ctx context.Context, s stay) (int, error) {
	if err := note(filepath.Join(s.Dir, "started"), strconv.Itoa(s.ID)); err != nil {
		return 0, err
	}
	for {
		if _, err := os.Stat(filepath.Join(s.Dir, "go")); err == nil {
			return s.ID, nil
		}
		if err := ctx.Err(); err != nil && !s.Deaf {
			return 0, err
		}
		if _, err := os.Stat(s.Dir); err != nil {
			return 0, err
		}
		time.Sleep(time.Millisecond)
	}
})

// A mark is the argument of marking.
type mark struct {
	Path string
	N    int
	Work time.Duration
}

// marking notes its number and works for a while.
var marking = mp.Func(func(_ context.Context, m mark) (int, error) {
	if err := note(m.Path, strconv.Itoa(m.N)); err != nil {
		return 0, err
	}
	time.Sleep(m.Work)
	return m.N, nil
})

// A mixed is an item that does one of several things.
type mixed struct {
	Do  string
	Arg int
	Dir string
}

// mix does what it is told.
var mix = mp.Func(func(ctx context.Context, m mixed) (int, error) {
	switch m.Do {
	case "value":
		return m.Arg, nil
	case "work": // some microseconds
		var sum [sha256.Size]byte
		for range 20 {
			sum = sha256.Sum256(sum[:])
		}
		return m.Arg + len(sum) - sha256.Size, nil
	case "error":
		return 0, fmt.Errorf("item %d does not want to", m.Arg)
	case "panic":
		panic(fmt.Sprintf("item %d panics", m.Arg))
	case "goexit":
		runtime.Goexit()
	case "exit":
		os.Exit(m.Arg)
	case "sleep":
		time.Sleep(time.Duration(m.Arg) * time.Millisecond)
		return m.Arg, nil
	case "forever":
		time.Sleep(time.Hour)
	case "obey":
		if err := note(filepath.Join(m.Dir, "started"), strconv.Itoa(m.Arg)); err != nil {
			return 0, err
		}
		<-ctx.Done()
		return 0, ctx.Err()
	case "deadline":
		return 0, context.DeadlineExceeded
	}
	return 0, nil
})
