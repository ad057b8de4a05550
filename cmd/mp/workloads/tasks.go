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

	sumShare = mp.Pure(sumLocally)

	giveBack       = mp.Action(returnLocally)
	giveBackAsleep = mp.Action(returning(until, wake))
	giveBackAwake  = mp.Action(returning(watch, leave))

	count   = mp.Action(countLocally)
	receive = mp.Action(receiveLocally)
	empty   = mp.Action(emptyLocally)

	putInts      = mp.Action(putting(func(number int) int { return number }))
	getInts      = mp.Action(getting(func(item int) (int, error) { return item, nil }))
	putMebibytes = mp.Action(putting(message))
	getMebibytes = mp.Action(getting(numberOf))

	hold  = mp.Action(holdLocally)
	await = mp.Action(awaitLocally)
)
