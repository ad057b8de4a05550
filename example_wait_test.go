//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/multiproc/mp"
)

// tale is what a process sends over its end of a pipe.
type tale struct {
	Words []string
	Conn  *mp.Conn
}

var tell = mp.Action(func(ctx context.Context, t tale) error {
	for _, word := range t.Words {
		if err := t.Conn.Send(ctx, word); err != nil {
			return err
		}
	}
	return nil
})

// One goroutine listens to several processes: it is told which of them has something to
// say, and when one has nothing more.
func ExampleWait() {
	ctx := context.Background()
	var listening []mp.Waitable
	for _, words := range [][]string{{"one", "two"}, {"un", "deux", "trois"}} {
		recv, send, err := mp.Simplex()
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := mp.NewProcess(tell.With(tale{words, send})).Start(); err != nil {
			fmt.Println(err)
			return
		}
		send.Close() // now only the process has it, and its end is that of the pipe
		listening = append(listening, recv)
	}
	heard := 0
	for len(listening) > 0 {
		ready, err := mp.Wait(ctx, listening...)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, thing := range ready {
			c := thing.(*mp.Conn)
			_, err := mp.Recv[string](ctx, c) // does not wait
			switch err {
			case nil:
				heard++
			case io.EOF:
				c.Close()
				listening = slices.DeleteFunc(listening, func(w mp.Waitable) bool { return w == thing })
			default:
				fmt.Println(err)
				return
			}
		}
	}
	fmt.Println("words:", heard)
	// Output: words: 5
}

// Conn.Poll and Wait with a context that has ended ask without waiting.
func ExampleWait_withoutWaiting() {
	p := mp.NewProcess(sleep.With(time.Hour))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	ready, err := mp.Wait(now, p)
	fmt.Println(len(ready), err)
	if err := p.Kill(); err != nil {
		fmt.Println(err)
		return
	}
	ready, err = mp.Wait(context.Background(), p)
	fmt.Println(len(ready), err)
	// Output:
	// 0 context canceled
	// 1 <nil>
}
