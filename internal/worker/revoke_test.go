package worker

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gate is a Runner whose items wait for a word.
type gate struct {
	entered chan uint64
	leave   chan struct{}
}

func newGate() *gate { return &gate{entered: make(chan uint64), leave: make(chan struct{})} }

func (g *gate) Run(s *Stage) {
	each(func(_ context.Context, s *Stage, number uint64) {
		g.entered <- number
		<-g.leave
		encoded(s, number)
	}).Run(s)
}

func TestRevokedCallsNeverRun(t *testing.T) {
	g := newGate()
	f := raise(t, g, tens)
	f.write(call(0, Call{Items: 3}), call(3, Call{Items: 2, Func: 1}))
	require.EqualValues(t, 0, <-g.entered)
	claimed, epoch := f.ledger.Revoke()
	assert.EqualValues(t, 1, claimed, "the first item of a call is claimed alone")
	assert.EqualValues(t, 1, epoch)
	f.write(call(5, Call{Items: 9, Func: 1})) // written before the revocation was known to the writer
	f.write(AppendResume(nil, claimed, epoch), call(1, Call{Items: 4, Func: 1}))
	g.leave <- struct{}{}
	f.expect(numbers(0, 5)...)
	require.NoError(t, f.end())
	assert.EqualValues(t, 5, f.ledger.Claimed())
}

// That a call's items were tiny says nothing about those of the next one: were they
// claimed together because of it, they could not be taken back from behind the first.
func TestEachCallBeginsWithOneItem(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	f := raise(t, each(func(_ context.Context, s *Stage, number uint64) {
		if number == 5000 {
			entered <- struct{}{}
			<-leave
		}
		encoded(s, number)
	}))
	f.write(call(0, Call{Items: 5000}), call(5000, Call{Items: 7}))
	<-entered
	claimed, epoch := f.ledger.Revoke()
	assert.EqualValues(t, 5001, claimed)
	f.write(AppendResume(nil, claimed, epoch))
	leave <- struct{}{}
	f.expect(numbers(0, 5001)...)
	require.NoError(t, f.end())
}

func TestHowManyAreClaimed(t *testing.T) {
	for _, c := range []struct {
		last int
		took time.Duration
		left int
		want int
	}{
		{0, 0, 100, 1},
		{1, tiny, 100, 4},
		{1, tiny + 1, 100, 1},
		{4, 4 * tiny, 100, 16},
		{4, 4*tiny + 1, 100, 1},
		{4, 4 * tiny, 7, 7},
		{64, claimFor/growth - 1, 1000, 256},
		{64, claimFor / growth, 1000, 64}, // with four times as many it would be too long
		{256, claimFor, 1000, 256},
		{256, claimFor + 1, 1000, 64},
		{maxClaim, 0, 1 << 20, maxClaim},
	} {
		s := Stage{Items: c.left, claim: c.last}
		assert.Equal(t, c.want, s.next(c.took), "%d in %v", c.last, c.took)
	}
	s := Stage{Items: 100, claim: 4, Limit: time.Second}
	assert.Equal(t, 1, s.next(0), "each has its own time limit")
}

func TestOnlyTheResumeOfThePresentEpochCounts(t *testing.T) {
	f := raise(t, tens)
	f.write(call(0, Call{Items: 2}))
	f.expect(numbers(0, 2)...)
	_, first := f.ledger.Revoke()
	_, second := f.ledger.Revoke()
	f.write(call(2, Call{Items: 1}), AppendResume(nil, 2, first), call(2, Call{Items: 1}), AppendResume(nil, 2, second))
	f.write(call(2, Call{Items: 3}))
	f.expect(numbers(2, 5)...)
	require.NoError(t, f.end())
	assert.EqualValues(t, 5, f.ledger.Started())
}

// A resume frame that overtakes nothing is harmless: it names the epoch that the
// worker is in.
func TestResumeWithoutRevocation(t *testing.T) {
	f := raise(t, tens)
	f.write(AppendResume(nil, 0, 0), call(0, Call{Items: 1}))
	f.expect(numbers(0, 1)...)
	require.NoError(t, f.end())
}

// A call whose number is not the next one is not run: the gate counts.
func TestCallsOutOfOrderAreNotRun(t *testing.T) {
	f := raise(t, tens)
	f.write(call(5, Call{Items: 1}), call(0, Call{Items: 1}))
	_, epoch := f.ledger.Revoke()
	f.write(AppendResume(nil, 0, epoch), call(0, Call{Items: 1}))
	f.expect(numbers(0, 1)...)
	require.NoError(t, f.end())
}

func TestCancelNamesItsItem(t *testing.T) {
	entered, left := make(chan context.Context), make(chan struct{})
	f := raise(t, each(func(ctx context.Context, s *Stage, number uint64) {
		entered <- ctx
		<-left
		encoded(s, number)
	}))
	f.write(call(0, Call{Items: 1}), call(1, Call{Items: 2}))
	f.worker.Cancel(7) // nothing runs that has it
	first := <-entered
	f.worker.Cancel(1) // not yet
	assert.NoError(t, first.Err())
	f.worker.Cancel(0)
	assert.Equal(t, context.Canceled, first.Err())
	left <- struct{}{}
	second := <-entered
	f.worker.Cancel(0) // late: hits nobody
	f.worker.Cancel(3) // behind the call
	assert.NoError(t, second.Err())
	f.worker.Cancel(2) // an item of the same call
	assert.Equal(t, context.Canceled, second.Err())
	left <- struct{}{}
	assert.Equal(t, second, <-entered, "the items of a call share their context")
	left <- struct{}{}
	f.expect(numbers(0, 3)...)
	f.worker.Cancel(2)
	require.NoError(t, f.end())
}

func TestContextOfACall(t *testing.T) {
	contexts := make(chan context.Context, 10)
	f := raise(t, each(func(ctx context.Context, s *Stage, number uint64) {
		contexts <- ctx
		if _, limited := ctx.Deadline(); limited && number > 0 {
			<-ctx.Done()
		}
		encoded(s, number)
	}))
	f.write(call(0, Call{Items: 1, Remaining: time.Hour}), call(1, Call{Items: 1, Remaining: time.Millisecond}), call(2, Call{Items: 2, Limit: time.Millisecond}), call(4, Call{Items: 1}))
	f.expect(numbers(0, 5)...)
	require.NoError(t, f.end())
	deadline, ok := (<-contexts).Deadline()
	assert.True(t, ok)
	assert.Greater(t, time.Until(deadline), time.Minute)
	assert.Equal(t, context.DeadlineExceeded, (<-contexts).Err())
	third, fourth := <-contexts, <-contexts
	assert.Equal(t, context.DeadlineExceeded, third.Err())
	assert.Equal(t, context.DeadlineExceeded, fourth.Err())
	assert.NotEqual(t, third, fourth, "with a limit each item has its own")
	unlimited := <-contexts
	_, ok = unlimited.Deadline()
	assert.False(t, ok)
	assert.Equal(t, context.Canceled, unlimited.Err(), "it ends with the call")
}

// Results that wait in the outbox behind a long item are seen by the parent.
func TestResultsBehindALongItem(t *testing.T) {
	g := newGate()
	f := raise(t, each(func(_ context.Context, s *Stage, number uint64) {
		if number == 3 {
			g.entered <- number
			<-g.leave
		}
		encoded(s, number)
	}))
	f.write(call(0, Call{Items: 3}), call(3, Call{Items: 1}))
	<-g.entered
	u, err := f.ledger.Unwritten(math.MaxUint64)
	require.NoError(t, err)
	assert.EqualValues(t, 3, f.ledger.Done())
	assert.EqualValues(t, 4, f.ledger.Started())
	assert.NotEmpty(t, u.Frames)
	g.leave <- struct{}{}
	f.expect(numbers(0, 4)...)
	require.NoError(t, f.end())
}
