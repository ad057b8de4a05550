//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/multiproc/mp"
)

// server is where a process is to connect to, and with which key.
type server struct {
	Network, Address string
	Key              []byte
}

var visit = mp.Action(func(ctx context.Context, s server) error {
	c, err := (&mp.Dialer{Auth: &mp.Auth{Key: s.Key}}).Dial(ctx, s.Network, s.Address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Send(ctx, []any{2.25, nil, "junk"}); err != nil {
		return err
	}
	return c.SendBytes(ctx, []byte("hello"))
})

// A process listens and another connects: they need not be of one family, nor both in
// Go.
func ExampleListenConfig() {
	ctx := context.Background()
	key := []byte("a secret that both have")
	l, err := (&mp.ListenConfig{Auth: &mp.Auth{Key: key}}).Listen(ctx, "tcp", "localhost:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	p := mp.NewProcess(visit.With(server{"tcp", l.Addr().String(), key}))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	c, err := l.Accept(ctx) // only who has the key gets here
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	list, err := mp.Recv[[]any](ctx, c)
	fmt.Println(list, err)
	text, err := c.RecvBytes(ctx, 100) // at most 100 bytes
	fmt.Println(string(text), err)
	_, err = c.RecvBytes(ctx, 100)
	fmt.Println(errors.Is(err, io.EOF), p.Join(ctx))
	// Output:
	// [2.25 <nil> junk] <nil>
	// hello <nil>
	// true <nil>
}

// A stranger is not let in, and does not disturb anybody.
func ExampleDialer() {
	ctx := context.Background()
	rejected := make(chan error, 1)
	l, err := (&mp.ListenConfig{
		Auth:     &mp.Auth{Key: []byte("right")},
		OnReject: func(_ mp.Addr, err error) { rejected <- err },
	}).Listen(ctx, "unix", "") // "": a new path, which nobody else can reach
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	_, err = (&mp.Dialer{Auth: &mp.Auth{Key: []byte("wrong")}}).Dial(ctx, "unix", l.Addr().String())
	fmt.Println(errors.Is(err, mp.ErrAuthentication))
	fmt.Println("rejected:", <-rejected)
	// Output:
	// true
	// rejected: authentication failed: the other end has another key
}
