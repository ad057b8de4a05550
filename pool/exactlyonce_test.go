//go:build linux

package pool_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/pool"
)

func TestFAULT02_ExactlyOnceWhileWorkersAreKilled(t *testing.T) {
	check(t)
	s := &storm{p: newPool(t, pool.Options{Workers: 3})}
	kills := kills(t)
	s.run(t, kills)
	ran := numbers(t, s.path)
	total, failures := int(s.next.Load()), 0
	require.Len(t, s.outcomes, total)
	for item := range total {
		ends := s.outcomes[item]
		require.Len(t, ends, 1, "item %d ends once", item)
		if err := ends[0].err; err != nil {
			failures++
			d := died(t, err)
			require.Equal(t, syscall.SIGKILL, d.Signal)
			require.Equal(t, 1, d.Attempts)
			require.LessOrEqual(t, ran[item], 1, "item %d has failed and ran", item)
			continue
		}
		require.Equal(t, item, ends[0].value)
		require.Equal(t, 1, ran[item], "item %d has a result and ran", item)
	}
	assert.LessOrEqual(t, failures, kills, "at most one failed item for each kill")
	t.Logf("%d items, %d kills, %d failed", total, kills, failures)
	until(t, "the figures are at rest", func() bool { return s.p.Stats().Workers == 3 })
	st := s.p.Stats()
	assert.EqualValues(t, total, st.Completed+st.Failed)
	assert.EqualValues(t, failures, st.Failed)
	assert.LessOrEqual(t, st.Died, int64(kills))
	assert.Zero(t, st.Killed+st.Retried+st.Cancelled)
}

func TestFAULT03_WithRetriesEverythingCompletes(t *testing.T) {
	check(t)
	kills := kills(t) / 2
	s := &storm{p: newPool(t, pool.Options{Workers: 3, Retries: kills})}
	s.run(t, kills)
	ran := numbers(t, s.path)
	extra := 0
	for item := range int(s.next.Load()) {
		ends := s.outcomes[item]
		require.Len(t, ends, 1)
		require.NoError(t, ends[0].err)
		require.Equal(t, item, ends[0].value)
		require.GreaterOrEqual(t, ran[item], 1)
		extra += ran[item] - 1
	}
	st := s.p.Stats()
	assert.LessOrEqual(t, int64(extra), st.Retried, "a body ran again only where a retry was asked for")
	assert.LessOrEqual(t, st.Retried, int64(kills))
	assert.Zero(t, st.Failed)
}

func TestRetries_AreCountedPerItem(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2, Retries: 5})
	f := pool.Submit(within(t), p, exit.With(4))
	_, err := ended(t, f)
	assert.Equal(t, 6, died(t, err).Attempts)
	assert.ErrorContains(t, err, "attempt 6")
	_, err = pool.Apply(within(t), p, exit.With(4), pool.Retries(0))
	assert.Equal(t, 1, died(t, err).Attempts)
	items := []mixed{{Do: "value", Arg: 1}, {Do: "exit", Arg: 1}, {Do: "value", Arg: 3}, {Do: "exit", Arg: 2}}
	got, err := pool.Map(within(t), p, mix, items, pool.Retries(2), pool.KeepGoing(), pool.ChunkSize(4))
	assert.Equal(t, []int{1, 0, 3, 0}, got)
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		assert.Equal(t, 3, died(t, err).Attempts)
	}
	assert.EqualValues(t, 5+2+2, p.Stats().Retried)
	_, err = pool.Apply(within(t), p, divide.With(0))
	assert.Error(t, err, "errors are not retried")
	assert.EqualValues(t, 9, p.Stats().Retried)
}
