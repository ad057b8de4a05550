//go:build linux

package pool_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// A parcel can hold anything, also what cannot travel.
type parcel struct {
	Label string
	Body  any
}

type secret struct{ hidden int }

var (
	weigh  = mp.Func(func(_ context.Context, p parcel) (string, error) { return p.Label, nil })
	wrap   = mp.Func(func(_ context.Context, bad bool) (parcel, error) { return parcelOf(bad), nil })
	open64 = mp.Pure(func(b []byte) int { return len(b) })
)

func parcelOf(bad bool) parcel {
	if bad {
		return parcel{"bad", map[string]any{"x": []any{1, secret{2}}}}
	}
	return parcel{"good", "text"}
}

func TestPOOL03_ArgumentsThatCannotBeEncodedFailTheCallOnly(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		before := p.Workers()
		ctx := within(t)
		cyclic := []any{nil}
		cyclic[0] = cyclic
		for _, body := range []any{secret{1}, &secret{1}, func() {}, make(chan int), 1i, map[string]any{"x": secret{}}, cyclic} {
			_, err := pool.Apply(ctx, p, weigh.With(parcel{"l", body}))
			require.Error(t, err)
			assert.Contains(t, err.Error(), "Body", "the path")
			var remote *mp.RemoteError
			assert.NotErrorAs(t, err, &remote)
			assert.Error(t, pool.Submit(ctx, p, weigh.With(parcel{"l", body})).Err(), "at once")
			_, err = pool.Map(ctx, p, weigh, []parcel{{"a", 1}, {"b", body}, {"c", 2}})
			var item *pool.TaskError
			require.ErrorAs(t, err, &item)
			assert.Equal(t, 1, item.Index)
			assert.Contains(t, err.Error(), "Body")
			got, err := pool.Map(ctx, p, weigh, []parcel{{"a", 1}, {"b", body}, {"c", 2}}, pool.KeepGoing(), pool.ChunkSize(3))
			assert.Error(t, err)
			assert.Equal(t, []string{"a", "", "c"}, got)
			values, failed, err := collect(pool.Imap(ctx, p, weigh, func(yield func(parcel) bool) {
				_ = yield(parcel{"a", 1}) && yield(parcel{"b", body}) && yield(parcel{"c", 2})
			}, pool.ChunkSize(3)))
			require.NoError(t, err)
			assert.Equal(t, []string{"a", "c"}, values)
			assert.Equal(t, []int{1}, failed)
		}
		got, err := pool.Apply(ctx, p, weigh.With(parcel{"fine", 1}))
		require.NoError(t, err)
		assert.Equal(t, "fine", got)
		assert.ElementsMatch(t, before, p.Workers())
	})
}

func TestFUT29_UnencodableSubmissionsDoNotBlockGoodOnes(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		var bad, good []*pool.Future[string]
		for range 100 {
			bad = append(bad, pool.Submit(within(t), p, weigh.With(parcel{"bad", secret{}})))
		}
		for range 100 {
			good = append(good, pool.Submit(within(t), p, weigh.With(parcel{"good", 1})))
		}
		for i := range bad {
			_, err := ended(t, bad[i])
			assert.Error(t, err)
			got, err := ended(t, good[i])
			require.NoError(t, err)
			assert.Equal(t, "good", got)
		}
	})
}

func TestPOOL20_ResultsThatCannotBeEncodedCostNoWorker(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		before := p.Workers()
		for range 20 {
			_, err := pool.Apply(within(t), p, wrap.With(true))
			var remote *mp.RemoteError
			require.ErrorAs(t, err, &remote)
			assert.Contains(t, remote.Text, "secret")
			assert.Contains(t, remote.Text, "Body")
			assert.Contains(t, remote.Text, "cannot be sent")
		}
		got, err := pool.Map(within(t), p, wrap, []bool{false, true, false}, pool.KeepGoing(), pool.ChunkSize(3))
		assert.Error(t, err)
		assert.Equal(t, []string{"good", "", "good"}, []string{got[0].Label, got[1].Label, got[2].Label})
		assert.ElementsMatch(t, before, p.Workers())
	})
}

func TestBadInput_64MiBArgument(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		ctx, cancel := context.WithTimeout(context.Background(), 3*bound)
		defer cancel()
		got, err := pool.Apply(ctx, p, open64.With(make([]byte, 64<<20)))
		require.NoError(t, err)
		assert.Equal(t, 64<<20, got)
	})
}
