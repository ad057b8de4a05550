//go:build linux

package pool_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// A trap is a value that fails where it says: "encode error", "decode exit" and
// so on; in "decode", only in a worker or only in the parent.
type trap struct{ Plan string }

func spring(plan, where string) error {
	switch plan {
	case where + " error":
		return errors.New("the trap of " + where)
	case where + " panic":
		panic("the trap of " + where)
	case where + " exit":
		os.Exit(21)
	}
	return nil
}

func (p trap) MarshalBinary() ([]byte, error) {
	where := "encode in the parent"
	if mp.Parent() != nil {
		where = "encode in the worker"
	}
	return []byte(p.Plan), spring(p.Plan, where)
}

func (p *trap) UnmarshalBinary(b []byte) error {
	p.Plan = string(b)
	where := "decode in the parent"
	if mp.Parent() != nil {
		where = "decode in the worker"
	}
	return spring(p.Plan, where)
}

var (
	trapIn  = mp.Func(func(_ context.Context, p trap) (int, error) { return len(p.Plan), nil })
	trapOut = mp.Func(func(_ context.Context, plan string) (trap, error) { return trap{plan}, nil })
)

func TestFUT19_CrashMatrix(t *testing.T) {
	check(t)
	quiet(t)
	p := newPool(t, pool.Options{Workers: 1})
	for _, way := range []string{"error", "panic"} {
		pids := p.Workers()
		_, err := pool.Apply(within(t), p, trapIn.With(trap{"encode in the parent " + way}))
		assert.ErrorContains(t, err, "the trap of encode")
		_, err = pool.Apply(within(t), p, trapIn.With(trap{"decode in the worker " + way}))
		var remote *mp.RemoteError
		require.ErrorAs(t, err, &remote)
		assert.Contains(t, remote.Text, "the trap of decode") // FAULT-14
		assert.Contains(t, remote.Text, "cannot be decoded")
		_, err = pool.Apply(within(t), p, trapOut.With("encode in the worker "+way))
		assert.ErrorContains(t, err, "the trap of encode")
		_, err = pool.Apply(within(t), p, trapOut.With("decode in the parent "+way))
		assert.ErrorContains(t, err, "the trap of decode")
		assert.Equal(t, pids, p.Workers(), "no worker is lost")
	}
	_, err := pool.Apply(within(t), p, trapOut.With("encode in the worker exit"))
	assert.Equal(t, 21, died(t, err).ExitCode)
	_, err = pool.Apply(within(t), p, trapIn.With(trap{"decode in the worker exit"}))
	assert.Equal(t, 21, died(t, err).ExitCode)
	got, err := pool.Apply(within(t), p, trapIn.With(trap{"fine"}))
	require.NoError(t, err)
	assert.Equal(t, 4, got)
}

func TestFUT19_OnlyTheItemThatCannotBeDecodedFails(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	items := []trap{{"a"}, {"bb"}, {"decode in the worker error"}, {"dddd"}, {"eeeee"}}
	got, err := pool.Map(within(t), p, trapIn, items, pool.ChunkSize(5), pool.KeepGoing())
	assert.Equal(t, []int{1, 2, 0, 4, 5}, got)
	var item *pool.TaskError
	require.ErrorAs(t, err, &item)
	assert.Equal(t, 2, item.Index)
	back, err := pool.Map(within(t), p, trapOut, []string{"a", "decode in the parent error", "c"}, pool.ChunkSize(3), pool.KeepGoing())
	assert.Equal(t, []trap{{"a"}, {}, {"c"}}, back)
	require.ErrorAs(t, err, &item)
	assert.Equal(t, 1, item.Index)
}

func TestFAULT04_ClosingWhileLargeDataIsInTransit(t *testing.T) {
	check(t)
	for _, end := range []string{"close", "cancel"} {
		p, err := pool.New(pool.Options{Workers: 2})
		require.NoError(t, err)
		dir := t.TempDir()
		for i := range 2 { // both workers are busy, so that the pipes fill up
			pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: i}))
		}
		data := make([]byte, 100<<20)
		f := pool.Submit(context.Background(), p, echo.With(data))
		g := pool.Submit(context.Background(), p, echo.With(data[:50<<20]))
		if end == "cancel" {
			f.Cancel()
			g.Cancel()
			_, err := ended(t, f)
			assert.ErrorIs(t, err, pool.ErrCancelled)
			_, err = ended(t, g)
			assert.ErrorIs(t, err, pool.ErrCancelled)
			open(t, dir)
			got, err := pool.Map(within(t), p, square, upTo(10))
			require.NoError(t, err)
			assert.Equal(t, squares(10), got)
		}
		returns(t, "Close", func() { _ = p.Close() })
		for _, f := range []*pool.Future[[]byte]{f, g} {
			_, err := ended(t, f)
			assert.Error(t, err)
		}
	}
}
