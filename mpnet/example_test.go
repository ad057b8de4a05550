//go:build linux

package mpnet_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/multiproc/mp"
	_ "github.com/multiproc/mp/mpnet"
)

// greet answers one connection.
var greet = mp.Action(func(_ context.Context, l net.Listener) error {
	defer l.Close()
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.WriteString(c, "hello from another process")
	return err
})

// A listener is passed to a process, which accepts a connection of it.
func Example() {
	// mp.Init is the first statement of main, or as here of TestMain.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	p := mp.NewProcess(greet.With(l))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	_ = l.Close() // the process has its own
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	text, err := io.ReadAll(c)
	fmt.Println(string(text), err)
	fmt.Println(p.Join(context.Background()))
	// Output:
	// hello from another process <nil>
	// <nil>
}
