package workloads

import (
	"context"
	"os"
	"time"

	"github.com/multiproc/mp"
)

var (
	square = mp.Pure(func(x int) int { return x * x })

	noop = mp.Action0(func(context.Context) error { return nil })

	exit = mp.Action(func(_ context.Context, code int) error {
		os.Exit(code)
		return nil
	})

	// whoami takes a moment, so that every worker gets one.
	whoami = mp.Pure(func(d time.Duration) int {
		time.Sleep(d)
		return os.Getpid()
	})

	grind = mp.Pure(grindLocally)

	contended = mp.Func(contendedLocally)

	sumPart = mp.Pure(sumLocally)

	giveBack      = mp.Action(returnLocally)
	giveFutexBack = mp.Action(returnFutexLocally)

	hold  = mp.Action(holdLocally)
	await = mp.Action(awaitLocally)
)
