//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc/mp"
)

// What every process of this program makes again, and does not get.
var (
	globalSemaphore, errGlobalSemaphore = mp.NewSemaphore(1)
	globalBlock, errGlobalBlock         = mp.CreateSharedMemory("", 4096)
)

// aboutGlobals says what this process has of them.
func aboutGlobals() string {
	early := errors.Is(errGlobalSemaphore, mp.ErrNotInitialized) && errors.Is(errGlobalBlock, mp.ErrNotInitialized)
	return fmt.Sprintf("too early: %t, made: %t %t, usable: %t",
		early, globalSemaphore != nil, globalBlock != nil, globalSemaphore.Acquire(context.Background()) == nil)
}

var tellGlobals = mp.Func(func(_ context.Context, s *mp.Semaphore) (string, error) {
	return fmt.Sprintf("%s, handed over: %t", aboutGlobals(), s.TryAcquire()), nil
})

// globals makes shared objects at package level, and one where it should.
func globals() {
	mp.Main(func(ctx context.Context) error {
		fmt.Println("parent:", aboutGlobals())
		s, err := mp.NewSemaphore(1)
		if err != nil {
			return err
		}
		defer s.Close()
		text, err := mp.Run(ctx, tellGlobals.With(s))
		fmt.Println("child:", text)
		return err
	})
}

var (
	tellKey = mp.Func(func(context.Context, mp.None) (string, error) {
		return fmt.Sprintf("%x", mp.AuthKey()), nil
	})
	askForKey = mp.Func(func(ctx context.Context, _ mp.None) (string, error) {
		return mp.Run(ctx, tellKey.With(none))
	})
)

// authKey prints the key of its family, as its grandchild and the main process know it.
func authKey() {
	mp.Main(func(ctx context.Context) error {
		theirs, err := mp.Run(ctx, askForKey.With(none))
		fmt.Printf("%s\n%x\n", theirs, mp.AuthKey())
		return err
	})
}
