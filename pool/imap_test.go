//go:build linux

package pool_test

import (
	"errors"
	"iter"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

func fmtInt(n int) string { return strconv.Itoa(n) }

// collect ranges over an Imap: the values, the errors of items, and the error
// that came last if it was none of an item's.
func collect[T any](seq iter.Seq2[T, error]) (values []T, failed []int, last error) {
	for v, err := range seq {
		var item *pool.TaskError
		switch {
		case err == nil:
			values = append(values, v)
		case errors.As(err, &item):
			failed = append(failed, item.Index)
		default:
			last = err
		}
	}
	return values, failed, last
}

func TestPOOL06_LazyIteration(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 3}, func(t *testing.T, p *pool.Pool) {
		for _, n := range []int{1, 10, 1000, 20000} {
			for _, opts := range [][]pool.Option{nil, {pool.ChunkSize(100)}, {pool.InFlight(1)}, {pool.InFlight(7), pool.ChunkSize(3)}} {
				if n > 1000 && opts != nil {
					continue
				}
				seq := pool.Imap(within(t), p, square, slices.Values(upTo(n)), opts...)
				for range 2 { // each range runs anew
					got, failed, err := collect(seq)
					require.NoError(t, err)
					assert.Empty(t, failed)
					assert.Equal(t, squares(n), got)
				}
				got, failed, err := collect(pool.ImapUnordered(within(t), p, square, slices.Values(upTo(n)), opts...))
				require.NoError(t, err)
				assert.Empty(t, failed)
				slices.Sort(got)
				assert.Equal(t, squares(n), got)
			}
		}
	})
}

// failingAt yields the numbers up to at, and then an error.
func failingAt(at int, err error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range at {
			if !yield(i, nil) {
				return
			}
		}
		yield(0, err)
	}
}

var errInput = errors.New("the input is broken")

func TestPOOL05_AnErrorOfTheInputIsReturnedAsItIs(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		for _, at := range []int{0, 1, 3} {
			for range 3 {
				got, failed, err := collect(pool.ImapErr(within(t), p, square, failingAt(at, errInput)))
				assert.Equal(t, squares(at), append([]int{}, got...))
				assert.Empty(t, failed)
				assert.Equal(t, errInput, err, "not dressed up")
			}
		}
		got, err := pool.Apply(within(t), p, square.With(4))
		require.NoError(t, err)
		assert.Equal(t, 16, got)
	})
}

func TestPOOL07_ItemsBeforeAnInputErrorAreAllYielded(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		for _, c := range []struct{ at, chunk int }{{3, 1}, {7, 2}, {7, 4}} {
			got, _, err := collect(pool.ImapErr(within(t), p, square, failingAt(c.at, errInput), pool.ChunkSize(c.chunk)))
			assert.Equal(t, squares(c.at), got, "also those of a chunk that is not full")
			assert.Equal(t, errInput, err)
		}
	})
}

func TestImap_AnInputThatPanicsIsAnError(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		got, failed, err := collect(pool.Imap(within(t), p, square, func(yield func(int) bool) {
			if yield(0) && yield(1) {
				panic("no more")
			}
		}))
		assert.Equal(t, []int{0, 1}, got)
		assert.Empty(t, failed)
		assert.ErrorContains(t, err, "no more")
	})
}

func TestPOOL08_AFailingItemDoesNotEndTheIteration(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		items := []int{1, 2, 4, 0, 5, 0, 10}
		for _, opts := range [][]pool.Option{nil, {pool.ChunkSize(1)}, {pool.ChunkSize(4)}} {
			got, failed, err := collect(pool.Imap(within(t), p, divide, slices.Values(items), opts...))
			require.NoError(t, err)
			assert.Equal(t, []int{100, 50, 25, 20, 10}, got)
			assert.Equal(t, []int{3, 5}, failed)
			got, failed, err = collect(pool.ImapUnordered(within(t), p, divide, slices.Values(items), opts...))
			require.NoError(t, err)
			slices.Sort(got)
			slices.Sort(failed)
			assert.Equal(t, []int{10, 20, 25, 50, 100}, got)
			assert.Equal(t, []int{3, 5}, failed)
		}
	})
}

func TestFUT03_LaterItemsComeAfterTheFailingOne(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		at := 0
		for v, err := range pool.Imap(within(t), p, divide, slices.Values([]int{5, 2, 0, 5})) {
			if at == 2 {
				var remote *mp.RemoteError
				assert.ErrorAs(t, err, &remote)
				assert.ErrorContains(t, err, "item 2")
			} else {
				assert.NoError(t, err)
				assert.Equal(t, []int{20, 50, 0, 20}[at], v)
			}
			at++
		}
		assert.Equal(t, 4, at)
	})
}
