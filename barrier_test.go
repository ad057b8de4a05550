//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// parties is how many there are in most tests: this process and four others.
const parties = 5

// barrierParty is one of them.
type barrierParty struct {
	Barrier *mp.Barrier
	Rounds  int
	Counts  *mp.Array[int] // what it counts is up to the test
	Log     *mp.Array[int]
	Done    *mp.Value[int] // what the action does
	Who     int            // the first is this process
	Millis  int
}

func newBarrierParty(t testing.TB) barrierParty {
	return barrierParty{
		Barrier: made[*mp.Barrier](t)(mp.NewBarrier(parties)),
		Counts:  made[*mp.Array[int]](t)(mp.NewArray[int](8)),
	}
}

func (p barrierParty) add(counter int) {
	p.Counts.Update(func(counts []int) { counts[counter]++ })
}

// meet runs the parties, and returns when all have ended well.
func (p barrierParty) meet(t testing.TB, task *mp.Task[barrierParty, mp.None], here func(context.Context, barrierParty) error) {
	t.Helper()
	var processes []*mp.Process
	for p.Who = 1; p.Who < parties; p.Who++ {
		processes = append(processes, launch(t, task.With(p)))
	}
	p.Who = 0
	assert.NoError(t, here(context.Background(), p))
	for _, process := range processes {
		assert.NoError(t, process.Join(bounded(t)))
	}
}

func (p barrierParty) pass() error {
	_, err := p.Barrier.Wait(context.Background())
	return err
}

// lockStep checks in each phase that everybody has ended the one before.
func lockStep(_ context.Context, p barrierParty) error {
	for round := range p.Rounds {
		for phase := range 2 {
			p.add(phase)
			if err := p.pass(); err != nil {
				return err
			}
			if n := p.Counts.At(phase); n != parties*(round+1) {
				return fmt.Errorf("round %d, phase %d: %d of %d have been there", round, phase, n, parties*(round+1))
			}
		}
	}
	return nil
}

var goInLockStep = mp.Action(lockStep)

func TestBAR01_AllGoInLockStep(t *testing.T) {
	for _, rounds := range []int{1, 10} {
		p := newBarrierParty(t)
		p.Rounds = rounds
		p.meet(t, goInLockStep, lockStep)
		assert.Zero(t, p.Barrier.Waiting())
		assert.False(t, p.Barrier.Broken())
		assert.Equal(t, parties, p.Barrier.Parties())
		assert.Equal(t, "mp.Barrier(0 of 5)", p.Barrier.String())
	}
}

func countIndexes(_ context.Context, p barrierParty) error {
	for range p.Rounds {
		index, err := p.Barrier.Wait(context.Background())
		if err != nil {
			return err
		}
		p.add(index)
	}
	return nil
}

var takeIndexes = mp.Action(countIndexes)

func TestBAR02_EachGetsAnotherIndex(t *testing.T) {
	p := newBarrierParty(t)
	p.Rounds = 20
	p.meet(t, takeIndexes, countIndexes)
	for index := range parties {
		assert.Equal(t, p.Rounds, p.Counts.At(index), "index %d", index)
	}
}

var addOne = mp.Action(func(_ context.Context, v *mp.Value[int]) error {
	v.Update(func(n *int) { *n++ })
	return nil
})

// withAction is a party of a barrier whose action adds one.
func withAction(t testing.TB) barrierParty {
	p := newBarrierParty(t)
	p.Done = made[*mp.Value[int]](t)(mp.NewValue(0))
	p.Barrier = made[*mp.Barrier](t)(mp.NewBarrier(parties, addOne.With(p.Done)))
	return p
}

func seeAction(_ context.Context, p barrierParty) error {
	for round := range p.Rounds {
		if err := p.pass(); err != nil {
			return err
		}
		if n := p.Done.Load(); n != round+1 {
			return fmt.Errorf("round %d: the action has been run %d times", round, n)
		}
	}
	return nil
}

var lookAtAction = mp.Action(seeAction)

func TestBAR03_TheActionIsRunOnceARound(t *testing.T) {
	p := withAction(t)
	p.Rounds = 20
	p.meet(t, lookAtAction, seeAction)
	assert.Equal(t, p.Rounds, p.Done.Load())
}

// The counters of those who got through, and of those who did not.
const (
	through = 0
	refused = 1
)

// tally counts the outcome of a wait.
func (p barrierParty) tally(err error) error {
	switch {
	case err == nil:
		p.add(through)
	case errors.Is(err, mp.ErrBrokenBarrier):
		p.add(refused)
	default:
		return err
	}
	return nil
}

// meetOnce waits with a limit if there is one, and counts.
func meetOnce(_ context.Context, p barrierParty) error {
	ctx := context.Background()
	if p.Millis > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(p.Millis)*time.Millisecond)
		defer cancel()
		ctx = limited
	}
	_, err := p.Barrier.Wait(ctx)
	return p.tally(err)
}

var goOnce = mp.Action(meetOnce)

// whenWaiting runs f when n parties wait.
func (p barrierParty) whenWaiting(t testing.TB, n int, f func() error) func(context.Context, barrierParty) error {
	return func(context.Context, barrierParty) error {
		eventually(t, "they wait", func() bool { return p.Barrier.Waiting() == n })
		return f()
	}
}

func TestBAR04_AbortBreaksTheBarrierForAll(t *testing.T) {
	p := newBarrierParty(t)
	p.meet(t, goOnce, p.whenWaiting(t, parties-1, p.Barrier.Abort))
	assert.Equal(t, 0, p.Counts.At(through))
	assert.Equal(t, parties-1, p.Counts.At(refused))
	assert.True(t, p.Barrier.Broken())
	assert.Zero(t, p.Barrier.Waiting())
	_, err := p.Barrier.Wait(bounded(t))
	assert.ErrorIs(t, err, mp.ErrBrokenBarrier)
	assert.Equal(t, "mp.Barrier(broken, of 5)", p.Barrier.String())
}

func resetThenMeet(ctx context.Context, p barrierParty) error {
	if err := meetOnce(ctx, p); err != nil {
		return err
	}
	return meetOnce(ctx, p)
}

var goTwice = mp.Action(resetThenMeet)

func TestBAR05_ResetSendsAwayThoseWhoWait(t *testing.T) {
	p := newBarrierParty(t)
	p.meet(t, goTwice, p.whenWaiting(t, parties-1, func() error {
		return errors.Join(p.Barrier.Reset(), p.pass())
	}))
	assert.Equal(t, parties-1, p.Counts.At(refused))
	assert.Equal(t, parties-1, p.Counts.At(through))
	assert.False(t, p.Barrier.Broken())
}

func TestBAR06_ResetMendsABrokenBarrier(t *testing.T) {
	p := newBarrierParty(t)
	p.meet(t, goOnce, p.whenWaiting(t, parties-1, p.Barrier.Abort))
	require.NoError(t, p.Barrier.Reset())
	assert.False(t, p.Barrier.Broken())
	p.meet(t, goOnce, meetOnce)
	assert.Equal(t, parties-1, p.Counts.At(refused))
	assert.Equal(t, parties, p.Counts.At(through))
}

func TestBAR07_APartyThatIsLateBreaksTheBarrier(t *testing.T) {
	p := newBarrierParty(t)
	p.Millis = 300
	p.meet(t, goOnce, func(ctx context.Context, p barrierParty) error {
		eventually(t, "one had enough", p.Barrier.Broken)
		return meetOnce(ctx, p)
	})
	assert.Equal(t, parties, p.Counts.At(refused))
	assert.Equal(t, 0, p.Counts.At(through))
}

func TestBAR08_OnePartyPassesAtOnce(t *testing.T) {
	b := made[*mp.Barrier](t)(mp.NewBarrier(1))
	for range 2 {
		index, err := b.Wait(bounded(t))
		assert.NoError(t, err)
		assert.Zero(t, index)
	}
}

const manyRounds = 1000

// logRounds writes the number of each round down, one line after the other.
func logRounds(_ context.Context, p barrierParty) error {
	for round := range manyRounds {
		if err := p.pass(); err != nil {
			return err
		}
		p.Log.Update(func(log []int) {
			log[1+log[0]] = round
			log[0]++
		})
	}
	return nil
}

var logAll = mp.Action(logRounds)

func TestBAR09_AThousandRounds(t *testing.T) {
	p := newBarrierParty(t)
	p.Log = made[*mp.Array[int]](t)(mp.NewArray[int](1 + parties*manyRounds))
	p.meet(t, logAll, logRounds)
	p.Log.View(func(log []int) {
		assert.Equal(t, parties*manyRounds, log[0])
		for i, round := range log[1:] {
			if !assert.Equal(t, i/parties, round, "line %d", i) {
				return
			}
		}
	})
}
