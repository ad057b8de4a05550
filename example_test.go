//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/multiproc/mp"
)

var greet = mp.Func(func(_ context.Context, name string) (string, error) {
	return "hello, " + name, nil
})

// One call in a process of its own.
func ExampleRun() {
	text, err := mp.Run(context.Background(), greet.With("bob"))
	fmt.Println(text, err)
	// Output: hello, bob <nil>
}

var speak = mp.Action(func(_ context.Context, text string) error {
	_, err := fmt.Println(text, "from a child:", mp.Parent() != nil)
	return err
})

// A process with the methods of Python's.
func ExampleProcess() {
	p := mp.NewProcess(speak.With("hello"))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	err := p.Join(context.Background())
	code, exited := p.ExitCode()
	fmt.Println(err, code, exited)
	// Output:
	// hello from a child: true
	// <nil> 0 true
}

var forever = mp.Action0(func(context.Context) error {
	for n := 0; ; n++ {
		_ = n
	}
})

// A process can be stopped whatever it does.
func ExampleProcess_Kill() {
	p := mp.NewProcess(forever.With(mp.None{}))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	_ = p.Kill()
	var exit *mp.ExitError
	if err := p.Join(context.Background()); errors.As(err, &exit) {
		fmt.Println(exit.Code, exit.Cause)
	}
	// Output: -9 killed
}

// clock is what a subclass of Process is in Python: its fields are what the
// process knows, and Run is what it does.
type clock struct {
	Interval time.Duration
	Ticks    int
}

func (c clock) Run(ctx context.Context) error {
	for i := range c.Ticks {
		time.Sleep(c.Interval)
		fmt.Println("tick", i)
	}
	return nil
}

var clockProcess = mp.Runner[clock]()

func ExampleRunner() {
	p := mp.NewProcess(clockProcess.With(clock{Interval: time.Millisecond, Ticks: 2}))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Join(context.Background()))
	// Output:
	// tick 0
	// tick 1
	// <nil>
}

var open = mp.Func(func(_ context.Context, path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	return 1, f.Close()
})

// The well-known errors of the standard library are themselves again on the
// other side; your own can be registered.
func ExampleRemoteError() {
	_, err := mp.Run(context.Background(), open.With("/no/such/file"))
	fmt.Println(err)
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// open /no/such/file: no such file or directory
	// true
}

var add = mp.Func2(func(_ context.Context, a, b int) (int, error) { return a + b, nil })

func ExampleFunc2() {
	sum, err := mp.Run(context.Background(), add.With(mp.Pack2(2, 3)))
	fmt.Println(sum, err)
	// Output: 5 <nil>
}
