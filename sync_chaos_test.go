//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// chaos is a condition and a bounded semaphore that processes use until they are
// killed.
type chaos struct {
	Cond    *mp.Cond
	Permits *mp.BoundedSemaphore
	Tokens  *mp.Value[int]
	N       int // permits
	Inside  *mp.Array[int]
	Who     int
	Seed    uint64
}

var causeChaos = mp.Action(func(ctx context.Context, c chaos) error {
	rng := rand.New(rand.NewPCG(c.Seed, 1))
	for {
		var err error
		switch rng.IntN(4) {
		case 0:
			err = c.usePermit(ctx, rng)
		case 1:
			err = c.give(rng.IntN(4))
		default:
			err = c.take(ctx, rng)
		}
		if err != nil {
			return err
		}
	}
})

// usePermit takes a permit, sees that not too many have one, and gives it back. Each
// process says so in a place of its own.
func (c chaos) usePermit(ctx context.Context, rng *rand.Rand) error {
	limited, cancel := context.WithTimeout(ctx, time.Duration(rng.IntN(2000))*time.Microsecond)
	defer cancel()
	if c.Permits.Acquire(limited) != nil {
		return nil
	}
	var inside int
	c.Inside.Update(func(flags []int) {
		flags[c.Who] = 1
		for _, flag := range flags {
			inside += flag
		}
	})
	if inside > c.N {
		return fmt.Errorf("%d have a permit, of which there are %d", inside, c.N)
	}
	c.Inside.Update(func(flags []int) { flags[c.Who] = 0 })
	return c.Permits.Release()
}

func (c chaos) give(n int) error {
	c.Cond.Lock()
	defer c.Cond.Unlock()
	c.Tokens.Update(func(tokens *int) { *tokens = min(*tokens+n, 10) })
	if n == 3 {
		return c.Cond.NotifyAll()
	}
	return c.Cond.Notify(n)
}

func (c chaos) take(ctx context.Context, rng *rand.Rand) error {
	limited, cancel := context.WithTimeout(ctx, time.Duration(rng.IntN(5000))*time.Microsecond)
	defer cancel()
	c.Cond.Lock()
	defer c.Cond.Unlock()
	if c.Cond.WaitFor(limited, func() bool { return c.Tokens.Load() > 0 }) == nil {
		c.Tokens.Update(func(tokens *int) { *tokens-- })
	}
	return nil
}

// Whatever processes are killed in the middle of, in the end all permits are there,
// the condition works, and nothing is left in the shared memory.
func TestCondAndPermitsSurviveKillsAtRandomMoments(t *testing.T) {
	rng := random(t)
	before := heap(t)
	const n, workers = 2, 4
	cond, err := mp.NewCond(nil)
	require.NoError(t, err)
	permits, err := mp.NewBoundedSemaphore(n)
	require.NoError(t, err)
	tokens, err := mp.NewValue(0, mp.WithLock(cond))
	require.NoError(t, err)
	inside, err := mp.NewArray[int](workers)
	require.NoError(t, err)
	c := chaos{Cond: cond, Permits: permits, Tokens: tokens, N: n, Inside: inside}
	start := func(who int) *mp.Process {
		c.Who, c.Seed = who, rng.Uint64()
		return relaunch(t, causeChaos.With(c))
	}
	var processes [workers]*mp.Process
	for who := range processes {
		processes[who] = start(who)
	}
	end := func(who int) {
		p := processes[who]
		require.NoError(t, inside.Acquire(bounded(t))) // nobody counts while its permit comes back
		defer inside.Unlock()
		require.NoError(t, p.Kill())
		killedOrDone(t, join(t, p), mp.CauseKilled)
		require.NoError(t, p.Close())
		inside.Set(who, 0)
	}
	for range kills(t) {
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Microsecond)
		who := rng.IntN(workers)
		end(who)
		processes[who] = start(who)
	}
	for who := range processes {
		end(who)
	}

	eventually(t, "the permits come back", func() bool { return permits.Value() == n })
	for range n {
		assert.True(t, permits.TryAcquire())
	}
	assert.False(t, permits.TryAcquire())
	for range n {
		assert.NoError(t, permits.Release())
	}
	assert.ErrorIs(t, permits.Release(), mp.ErrReleasedTooOften)

	require.NoError(t, cond.Acquire(bounded(t)))
	assert.NoError(t, cond.Notify(5), "nobody waits")
	assert.ErrorIs(t, cond.Wait(within(t, 50*time.Millisecond)), mp.ErrTimeout, "nothing is remembered")
	cond.Unlock()
	p := condParty{Cond: cond, Ready: made[*mp.Semaphore](t)(mp.NewSemaphore(0)), Woken: made[*mp.Semaphore](t)(mp.NewSemaphore(0))}
	ends := p.crowd(t, 1, 1)
	p.notify(t, 1)
	p.woken(t, 1)
	p.notify(t, 1)
	p.woken(t, 1)
	ends()

	for _, close := range []func() error{tokens.Close, cond.Close, permits.Close, inside.Close} {
		assert.NoError(t, close())
	}
	settled(t, before+2) // the two semaphores above
}
