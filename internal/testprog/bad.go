//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/multiproc/mp"
)

// early is what starting something in package initialisation brings.
var early = func() error {
	if name() != "init-start" {
		return nil
	}
	return errors.Join(try(), mp.NewProcess(nothing.With(none)).Start())
}()

func initStart() {
	mp.Init()
	exitWith(early)
}

func beforeInit() {
	err := errors.Join(try(), mp.NewProcess(nothing.With(none)).Start())
	mp.Init()
	exitWith(err)
}

func neverInit() {
	exitWith(errors.Join(try(), mp.NewProcess(nothing.With(none)).Start()))
}

// lost is set in children only: they take another path than their parent.
const lost = "TESTPROG_LOST"

// lostExit is a program whose child leaves before Init.
func lostExit() {
	if os.Getenv(lost) != "" {
		os.Exit(0)
	}
	parentOfLost()
}

// lostHang is a program whose child never gets to Init.
func lostHang() {
	if os.Getenv(lost) != "" {
		time.Sleep(time.Hour)
	}
	parentOfLost()
}

// lostPanic is a program whose child crashes before Init.
func lostPanic() {
	if os.Getenv(lost) != "" {
		panic("lost child")
	}
	parentOfLost()
}

func parentOfLost() {
	mp.Init()
	os.Setenv(lost, "1")
	err := try()
	var exit *mp.ExitError
	if errors.As(err, &exit) {
		fmt.Println("cause", exit.Cause, "code", exit.Code)
	}
	exitWith(err)
}

type secretive struct{ Open, hidden int }

type node struct {
	Next *node
	C    []chan int
}

// A table with all the faults that a table can have.
func init() {
	if name() != "faults" {
		return
	}
	mp.Pure(func(x int) int { return x }).Named("twins")
	mp.Pure(func(x string) string { return x }).Named("twins")
	mp.Pure(func(x secretive) int { return x.hidden })
	mp.Pure(func(int) node { return node{} })
	mp.Pure(func(func()) int { return 0 })
	mp.Pure(func(error) int { return 0 })
	mp.Pure(func([]complex128) int { return 0 })
	mp.Pure(func(*mp.Process) int { return 0 })
}

// late registers after Init, in all ways.
func late() {
	mp.Init()
	for what, register := range map[string]func(){
		"Pure":   func() { mp.Pure(lateTask) },
		"Action": func() { mp.Action0(func(context.Context) error { return nil }) },
		"Named":  func() { square.Named("late") },
	} {
		func() {
			defer func() { fmt.Println(what, recover()) }()
			register()
		}()
	}
	exitWith(try())
}

func lateTask(x int) int { return x }

// conditional declares a task in the parent only.
func init() {
	if name() == "conditional" && os.Getenv(lost) == "" {
		mp.Pure(lateTask)
	}
}

func conditional() { parentOfLost() }

// same-errors registers two errors under one name.
func init() {
	if name() == "same-errors" {
		mp.RegisterError("testprog.taken", errors.New("one"))
		mp.RegisterError("testprog.taken", errors.New("two"))
	}
}
