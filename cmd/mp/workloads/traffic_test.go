//go:build linux

package workloads

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
)

func TestALargeMessageIsLookedAt(t *testing.T) {
	for i := range 2 * distinct {
		require.NoError(t, checkMessage(message(i), i))
		require.Error(t, checkMessage(message(i), i+1))
	}
	_, err := numberOf(message(0)[1:])
	assert.EqualError(t, err, "wrong result: the length of a message is 1048575, not 1048576")
	for _, at := range numbered {
		torn := bytes.Clone(message(3))
		torn[at] = 4
		_, err := numberOf(torn)
		assert.ErrorContains(t, err, "the number in a message")
	}
	for i := range distinct {
		assert.NotEqual(t, message(i)[8:16], message(i + 1)[8:16])
	}
}

func TestSumOfNumbers(t *testing.T) {
	for _, n := range []int{0, 1, distinct, 2*distinct + 3} {
		sum, ints := 0, 0
		for i := range n {
			number, err := numberOf(message(i))
			require.NoError(t, err)
			sum += number
			ints += i
		}
		assert.Equal(t, sum, sumOfNumbers(n))
		assert.Equal(t, ints, sumOfInts(n))
	}
}

var (
	miscount = mp.Action(getting(func(item int) (int, error) { return item + item/1000, nil }))
	refuse   = mp.Action(getting(func(item int) (int, error) {
		if item == 1500 {
			return 0, errors.New("1500 is not welcome")
		}
		return item, nil
	}))
	skim = mp.Action(func(ctx context.Context, s Shift[int]) error {
		return s.work(ctx, func(span Span) (y Yield, err error) {
			_, err = s.Queue.Get(ctx)
			return Yield{Items: 1}, err
		})
	})
)

func TestTrafficIsChecked(t *testing.T) {
	for want, get := range map[string]*mp.Task[Shift[int], mp.None]{
		"wrong result: the sum of what has come out": miscount,
		"1500 is not welcome":                        refuse,
		"wrong result: what is left in the queue":    skim,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		traffic := traffic[int]{producers: 2, consumers: 1, put: putInts, get: get, sum: sumOfInts}
		_, err := traffic.measure(ctx, func(pass func(n int) (int, error)) (bench.Values, error) {
			n, err := pass(2000)
			assert.True(t, n == 2000 || err != nil)
			return nil, err
		})
		assert.ErrorContains(t, err, want)
		assert.NoError(t, ctx.Err())
	}
}

func TestTheContextOfACrewEndsWithItsMembers(t *testing.T) {
	crew := newCrew(t.Context())
	conn, err := crew.hireAt(func(c *mp.Conn) mp.AnyCall { return count.With(c) })
	require.NoError(t, err)
	require.NoError(t, conn.Send(crew.ctx, 1))
	two, err := mp.Recv[int](crew.ctx, conn)
	require.NoError(t, err)
	assert.Equal(t, 2, two)
	require.NoError(t, crew.ctx.Err())
	require.NoError(t, crew.hire(exit.With(7)))
	select {
	case <-crew.ctx.Done():
	case <-time.After(10 * time.Second):
		require.Fail(t, "it goes on with a member less")
	}
	reason := errors.New("a reason")
	err = crew.dismiss(reason)
	assert.ErrorIs(t, err, reason)
	assert.Equal(t, 7, exitCode(err))
	assert.False(t, crew.members[0].Alive())
	assert.ErrorIs(t, conn.Send(t.Context(), 1), mp.ErrClosed)
}

func TestACrewThatHasDoneItsWorkIsDismissedWithoutAnError(t *testing.T) {
	crew := newCrew(t.Context())
	for range 2 {
		_, err := crew.hireAt(func(c *mp.Conn) mp.AnyCall { return receive.With(c) })
		require.NoError(t, err)
	}
	assert.NoError(t, crew.dismiss(nil))
}
