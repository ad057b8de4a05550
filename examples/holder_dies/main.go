// Holder_dies shows what becomes of a Lock whose holder is killed, by SIGKILL, in
// the middle of what the lock protects. With Python's multiprocessing the others
// would wait for ever. Here the next one gets the lock and is told: OwnerDied. He
// puts things in order, and says so: Repaired.
//
// Two accounts have 1000 together. It prints how the holder has ended, which is
// between taking 100 from one and giving them to the other; that somebody, and
// only one, had to repair that; and that in the end no money is lost.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc/mp"
)

// bank is the argument of all processes. The lock protects the accounts.
type bank struct {
	Lock     *mp.Lock
	Accounts *mp.RawArray[int]
	Half     *mp.Event // a transfer is half done
}

// holder takes the money, and never gets to the other account.
var holder = mp.Action(func(ctx context.Context, b bank) error {
	b.Lock.Lock()
	defer b.Lock.Unlock()
	b.Accounts.Set(0, b.Accounts.At(0)-100)
	b.Half.Set()
	<-ctx.Done()
	return ctx.Err()
})

// other transfers 1 a hundred times.
var other = mp.Action(func(_ context.Context, b bank) error {
	for range 100 {
		b.transfer()
	}
	return nil
})

func (b bank) transfer() {
	b.Lock.Lock()
	defer b.Lock.Unlock()
	if b.Lock.OwnerDied() { // until somebody, with the lock, says that it is repaired
		missing := 1000 - b.Accounts.At(0) - b.Accounts.At(1)
		b.Accounts.Set(1, b.Accounts.At(1)+missing)
		b.Lock.Repaired()
		fmt.Printf("the owner of the lock has died, %d are missing: repaired\n", missing)
	}
	b.Accounts.Set(0, b.Accounts.At(0)-1)
	b.Accounts.Set(1, b.Accounts.At(1)+1)
}

func main() {
	mp.Main(func(ctx context.Context) error {
		b := bank{mp.Must(mp.NewLock()), mp.Must(mp.NewRawArray[int](2)), mp.Must(mp.NewEvent())}
		b.Accounts.Set(0, 1000)
		dies := mp.NewProcess(holder.With(b))
		if err := dies.Start(); err != nil {
			return err
		}
		if err := b.Half.Wait(ctx); err != nil {
			return err
		}
		var others []*mp.Process
		for range 3 {
			p := mp.NewProcess(other.With(b))
			if err := p.Start(); err != nil {
				return err
			}
			others = append(others, p) // it has to wait for the lock
		}
		if err := dies.Kill(); err != nil {
			return err
		}
		var exit *mp.ExitError
		if err := dies.Join(ctx); !errors.As(err, &exit) {
			return fmt.Errorf("the holder was not killed: %w", err)
		}
		for _, p := range others {
			if err := p.Join(ctx); err != nil {
				return err
			}
		}
		fmt.Printf("the holder: exit code %d, cause %q\n", exit.Code, exit.Cause)
		fmt.Printf("accounts: %d + %d, owner died: %t\n", b.Accounts.At(0), b.Accounts.At(1), b.Lock.OwnerDied())
		return nil
	})
}
