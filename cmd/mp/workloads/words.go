package workloads

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/internal/sys"
)

// Words are two words that say which round has been played: the limit of what goes
// there and back between two processes.
type Words struct{ Ping, Pong *mp.RawValue[uint32] }

// asleep is the limit of who sleeps in the kernel each time, as events do if there is
// no other work: to stay awake is faster, and costs a CPU. The figure has that name.
func asleep(name string) bench.Measure { return wordsLimit(name, giveBackAsleep, until, wake) }

// awake is the limit of all.
func awake(name string) bench.Measure { return wordsLimit(name, giveBackAwake, watch, leave) }

type (
	// waiting returns when the word is round.
	waiting func(ctx context.Context, word *uint32, round uint32) error
	// telling has who waits for the word look at it.
	telling func(word *uint32)
)

func wordsLimit(name string, child *mp.Task[Words, mp.None], await waiting, tell telling) bench.Measure {
	return func(ctx context.Context, p bench.Params) (values bench.Values, err error) {
		var w Words
		if w.Ping, err = mp.NewRawValue(uint32(0)); err != nil {
			return nil, err
		}
		defer w.Ping.Close()
		if w.Pong, err = mp.NewRawValue(uint32(0)); err != nil {
			return nil, err
		}
		defer w.Pong.Close()
		ping, releasePing := w.Ping.Ptr()
		defer releasePing()
		pong, releasePong := w.Pong.Ptr()
		defer releasePong()
		crew := newCrew(ctx)
		defer func() { err = crew.dismiss(err) }()
		if err := crew.hire(child.With(w)); err != nil {
			return nil, err
		}
		return pingpong(p, name, func() error {
			round := atomic.AddUint32(ping, 1)
			tell(ping)
			return await(crew.ctx, pong, round)
		})
	}
}

// returning is what the child does, until its context ends.
func returning(await waiting, tell telling) func(context.Context, Words) error {
	return func(ctx context.Context, w Words) error {
		ping, releasePing := w.Ping.Ptr()
		defer releasePing()
		pong, releasePong := w.Pong.Ptr()
		defer releasePong()
		for round := uint32(1); ; round++ {
			if err := await(ctx, ping, round); err != nil {
				return err
			}
			atomic.StoreUint32(pong, round)
			tell(pong)
		}
	}
}

// until waits in the kernel until word is round, and wake ends that.
func until(ctx context.Context, word *uint32, round uint32) error {
	for {
		seen := atomic.LoadUint32(word)
		if seen == round {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		sys.FutexWait(word, seen, 50*time.Millisecond)
	}
}

func wake(word *uint32) { sys.FutexWake(word, 1) }

// looks is how often watch looks before it lets others have the CPU.
const looks = 100_000

// watch looks at the word until it is round, so nobody has to tell it.
func watch(ctx context.Context, word *uint32, round uint32) error {
	for {
		for range looks {
			if atomic.LoadUint32(word) == round {
				return nil
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(20 * time.Microsecond)
	}
}

func leave(*uint32) {}
