//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/multiproc/mp"
)

// slow takes its time, and says when it has finished.
var slow = mp.Action0(func(context.Context) error {
	time.Sleep(300 * time.Millisecond)
	fmt.Println("slow child done")
	return nil
})

// hang says that it is there, and stays.
var hang = mp.Action0(func(context.Context) error {
	if _, err := os.NewFile(3, "ready").Write([]byte{1}); err != nil {
		return err
	}
	time.Sleep(time.Hour)
	return nil
})

// end has a daemon and another child when run returns.
func end() {
	mp.Main(func(context.Context) error {
		mp.OnExit(func() { fmt.Println("hook 1") })
		mp.OnExit(func() { panic("hook 2") })
		mp.OnExit(func() { fmt.Println("hook 3") })
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		daemon, free := mp.NewProcess(hang.With(none)), mp.NewProcess(slow.With(none))
		daemon.Daemon, daemon.ExtraFiles = true, []*os.File{w}
		if err := errors.Join(daemon.Start(), free.Start()); err != nil {
			return err
		}
		if _, err := r.Read(make([]byte, 1)); err != nil { // the daemon is there
			return err
		}
		fmt.Println("end of run")
		return nil
	})
}

// hooks ends by mp.Exit.
func hooks() {
	mp.Init()
	mp.OnExit(func() {
		fmt.Println("hook 1")
		mp.OnExit(func() { fmt.Println("hook registered by hook 1") })
	})
	mp.OnExit(func() { fmt.Println("hook 2") })
	mp.Exit(7)
}

func fail() {
	mp.Main(func(context.Context) error { return errors.New("this has failed") })
}

// wait returns the error of its context.
func wait() {
	mp.Main(func(ctx context.Context) error {
		fmt.Println("ready")
		<-ctx.Done()
		return ctx.Err()
	})
}

func waitNil() {
	mp.Main(func(ctx context.Context) error {
		fmt.Println("ready")
		<-ctx.Done()
		return nil
	})
}

// stubborn does not return when its context ends.
func stubborn() {
	mp.Main(func(ctx context.Context) error {
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("ended")
		time.Sleep(time.Hour)
		return nil
	})
}

// measure says how long its argument is.
var measure = mp.Action(func(_ context.Context, arg []byte) error {
	fmt.Println(len(arg))
	return nil
})

// forget starts a child with an argument of so many bytes and returns at once.
func forget() {
	mp.Init()
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		exitWith(err)
	}
	if err := mp.NewProcess(measure.With(make([]byte, size))).Start(); err != nil {
		exitWith(err)
	}
}

// family starts a daemon and a child that is none, which do so again.
var family *mp.Task[int, mp.None]

func init() { family = mp.Action(beFamily) }

func beFamily(ctx context.Context, depth int) error {
	kind := "free"
	if mp.Self().Daemon {
		kind = "daemon"
	}
	if depth > 0 {
		if err := haveFamily(depth - 1); err != nil {
			return err
		}
	}
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	fmt.Println(kind, os.Getpid())
	<-ctx.Done()
	<-mp.Parent().Done()
	fmt.Println("orphan", os.Getpid(), mp.Parent().Alive())
	os.Exit(0) // an orderly end would wait for the child, which waits for this
	return nil
}

func haveFamily(depth int) error {
	for _, daemon := range []bool{true, false} {
		p := mp.NewProcess(family.With(depth))
		p.Daemon = daemon
		if err := p.Start(); err != nil {
			return err
		}
	}
	return nil
}

// orphans waits for its death.
func orphans() {
	mp.Init()
	if err := haveFamily(1); err != nil {
		exitWith(err)
	}
	time.Sleep(time.Hour)
}

var inner = mp.Func(func(context.Context, mp.None) (int, error) { return 0, errors.New("the inner error") })

var outer = mp.Func(func(ctx context.Context, _ mp.None) (int, error) {
	n, err := mp.Run(ctx, inner.With(none))
	if err != nil {
		err = fmt.Errorf("the outer error: %w", err)
	}
	return n, err
})

func nestedError() {
	mp.Main(func(ctx context.Context) error {
		_, err := mp.Run(ctx, outer.With(none))
		return err
	})
}
