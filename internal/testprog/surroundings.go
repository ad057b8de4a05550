//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/multiproc/mp"
)

// run waits for a line on stdin, then runs a task.
func run() {
	mp.Init()
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		exitWith(err)
	}
	if len(os.Args) > 2 {
		if err := os.Chdir(os.Args[2]); err != nil {
			exitWith(err)
		}
	}
	exitWith(try())
}

// marker has in its environment what makes a process a child, but for another
// one.
func marker() {
	mp.Init()
	os.Setenv("MP_CHILD", "3:3:1")
	if err := try(); err != nil {
		exitWith(err)
	}
	os.Setenv("MP_CHILD", "")
	exitWith(try())
}

// closed was started without standard streams: it writes to a file.
func closed() {
	mp.Init()
	var report string
	for i := range 3 {
		out, err := mp.Run(context.Background(), square.With(i))
		report += fmt.Sprintln(out, err)
	}
	p := mp.NewProcess(nothing.With(none))
	report += fmt.Sprintln(p.Start(), p.Join(context.Background()))
	exitWith(os.WriteFile(os.Args[2], []byte(report), 0o600))
}

// fewFiles runs tasks with ever more free descriptors, until one succeeds, and
// looks for descriptors that the failures have left behind.
func fewFiles() {
	mp.Init()
	limit := syscall.Rlimit{Cur: 40, Max: 40}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		exitWith(err)
	}
	if err := try(); err != nil { // what is opened once is open by now
		exitWith(fmt.Errorf("with %d descriptors: %w", limit.Cur, err))
	}
	var hoard []*os.File
	for {
		f, err := os.Open("/")
		if err != nil {
			break
		}
		hoard = append(hoard, f)
	}
	for free := range 20 {
		before := freeFiles()
		if before != free {
			exitWith(fmt.Errorf("%d descriptors are free instead of %d", before, free))
		}
		err := try()
		fmt.Printf("free %d: %v\n", free, err)
		if err == nil {
			exitWith(nil)
		}
		hoard[free].Close()
	}
}

// freeFiles counts the descriptors that can still be opened.
func freeFiles() int {
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for {
		f, err := os.Open("/")
		if err != nil {
			return len(files)
		}
		files = append(files, f)
	}
}

// noProc runs where there is no /proc, and so no way to start children.
func noProc() {
	mp.Init()
	fmt.Println("initialised", mp.Self().Name, mp.CPUCount() > 0)
	exitWith(try())
}

func cpus() {
	mp.Init()
	fmt.Println(mp.CPUCount())
}

var readAll *mp.Task[bool, string]

func init() { readAll = mp.Func(readAllTask) }

// readAllTask runs in children only.
func readAllTask(ctx context.Context, deeper bool) (string, error) {
	text, err := io.ReadAll(os.Stdin)
	if err != nil || !deeper {
		return fmt.Sprintf("%q", text), err
	}
	inner, err := mp.Run(ctx, readAll.With(false))
	return fmt.Sprintf("%q %s", text, inner), err
}

// stdin has children that read their stdin before the program reads its own.
func stdin() {
	mp.Init()
	out, err := mp.Run(context.Background(), readAll.With(true))
	if err != nil {
		exitWith(err)
	}
	text, err := io.ReadAll(os.Stdin)
	fmt.Printf("children %s, parent %q\n", out, text)
	exitWith(err)
}
