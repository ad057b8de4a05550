// Errors shows what becomes of errors on their way from a worker: a registered
// sentinel is found by errors.Is, a registered type by errors.As, with its fields,
// and a panic comes with the stack of the process where it happened. In Python an
// exception is pickled, and its traceback is text.
//
// It prints what the parent finds in the errors of three calls.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// errClosed is a sentinel.
var errClosed = errors.New("the shop is closed")

// A quotaError has something to say.
type quotaError struct {
	Limit, Asked int
}

func (e *quotaError) Error() string { return fmt.Sprintf("%d asked, %d allowed", e.Asked, e.Limit) }

func init() {
	mp.RegisterError("errors.errClosed", errClosed)
	mp.RegisterErrorType[*quotaError]()
}

var buy = mp.Action(func(_ context.Context, n int) error {
	switch {
	case n == 0:
		return fmt.Errorf("buy nothing: %w", errClosed)
	case n > 100:
		return fmt.Errorf("buy all: %w", fs.ErrPermission)
	case n > 0:
		return fmt.Errorf("buy: %w", &quotaError{Limit: 5, Asked: n})
	}
	panic(fmt.Sprintf("buy %d", n))
})

func main() {
	mp.Main(func(ctx context.Context) error {
		p, err := pool.New(pool.Options{Workers: 1})
		if err != nil {
			return err
		}
		defer p.Close()
		for _, n := range []int{0, 7, 1000, -1} {
			_, err := pool.Apply(ctx, p, buy.With(n))
			fmt.Printf("%v\n  is errClosed: %t, is fs.ErrPermission: %t\n", err, errors.Is(err, errClosed), errors.Is(err, fs.ErrPermission))
			var quota *quotaError
			if errors.As(err, &quota) {
				fmt.Printf("  a quotaError with limit %d\n", quota.Limit)
			}
			var remote *mp.RemoteError
			if errors.As(err, &remote) {
				fmt.Printf("  type %s, panic: %t, the stack has main.go: %t\n", remote.Type, remote.Panic, strings.Contains(remote.Stack, "main.go"))
			}
		}
		return nil
	})
}
