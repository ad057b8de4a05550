//go:build linux

package pool_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

func TestPOOL12_NonsensicalSizesAreRefused(t *testing.T) {
	check(t)
	for name, o := range map[string]pool.Options{
		"negative workers":     {Workers: -1},
		"very many workers":    {Workers: 1 << 30},
		"negative retries":     {Retries: -1},
		"local, negative":      {Workers: -3, Local: true},
		"local, negative runs": {Retries: -3, Local: true},
	} {
		p, err := pool.New(o)
		assert.Error(t, err, name)
		assert.Nil(t, p, name)
	}
	p := newPool(t, pool.Options{Workers: 1, KillGrace: -1})
	for name, opt := range map[string]pool.Option{
		"ChunkSize(0)":     pool.ChunkSize(0),
		"ChunkSize(-1)":    pool.ChunkSize(-1),
		"InFlight(0)":      pool.InFlight(0),
		"InFlight(-1)":     pool.InFlight(-1),
		"Timeout(0s)":      pool.Timeout(0),
		"Timeout(-1ns)":    pool.Timeout(-1),
		"Retries(-1)":      pool.Retries(-1),
		"Progress(nil)":    pool.Progress(nil),
		"Timeout(-1h0m0s)": pool.Timeout(-time.Hour),
	} {
		refused(t, p, name, opt)
	}
	got, err := pool.Apply(within(t), p, square.With(3), nil)
	require.NoError(t, err, "a nil option changes nothing")
	assert.Equal(t, 9, got)
	assert.Zero(t, p.Stats().Failed, "what was refused was never accepted")
}

// refused checks that every form of call refuses an option.
func refused(t *testing.T, p *pool.Pool, name string, opt pool.Option) {
	t.Helper()
	ctx := within(t)
	_, err := pool.Apply(ctx, p, square.With(1), opt)
	assert.ErrorContains(t, err, name)
	assert.ErrorContains(t, pool.Submit(ctx, p, square.With(1), opt).Err(), name)
	_, err = pool.Map(ctx, p, square, upTo(3), opt)
	assert.ErrorContains(t, err, name)
	assert.ErrorContains(t, pool.MapAsync(ctx, p, square, nil, opt).Err(), name)
	pulled, yielded := 0, 0
	for _, err := range pool.Imap(ctx, p, square, func(yield func(int) bool) { pulled++; yield(1) }, opt) {
		yielded++
		assert.ErrorContains(t, err, name)
	}
	assert.Equal(t, 1, yielded)
	assert.Zero(t, pulled)
}

func TestFUT01_MisuseOfACallIsRefused(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		ctx := within(t)
		var none *mp.Task[int, int]
		_, err := pool.Apply(ctx, p, mp.Call[int]{})
		assert.ErrorContains(t, err, "zero mp.Call")
		assert.ErrorContains(t, pool.Submit(ctx, p, mp.Call[int]{}).Err(), "zero mp.Call")
		assert.Error(t, pool.Submit(ctx, p, (&mp.Task[int, int]{}).With(1)).Err())
		assert.ErrorContains(t, pool.Submit(ctx, p, none.With(1)).Err(), "zero mp.Call")
		_, err = pool.Map(ctx, p, none, upTo(3))
		assert.ErrorContains(t, err, "nil task")
		_, err = pool.Map(ctx, p, &mp.Task[int, int]{}, upTo(3))
		assert.ErrorContains(t, err, "nil task")
		for _, err := range pool.Imap(ctx, p, none, slices.Values(upTo(3))) {
			assert.ErrorContains(t, err, "nil task")
		}
		for _, err := range pool.Imap(ctx, p, square, nil) {
			assert.ErrorContains(t, err, "nil sequence")
		}
		for _, err := range pool.ImapErr(ctx, p, square, nil) {
			assert.ErrorContains(t, err, "nil sequence")
		}
		got, err := pool.Submit(ctx, p, square.With(8)).Get(ctx)
		require.NoError(t, err)
		assert.Equal(t, 64, got)
		require.NoError(t, p.Shutdown(ctx), "what was refused does not hold the pool up")
	})
}

func TestMisuse_ANilPoolIsAnError(t *testing.T) {
	check(t)
	ctx := within(t)
	for name, p := range map[string]*pool.Pool{"nil": nil, "zero": {}} {
		assert.NotPanics(t, func() {
			_, err := pool.Apply(ctx, p, square.With(1))
			assert.Error(t, err, name)
			_, err = pool.Map(ctx, p, square, upTo(2))
			assert.Error(t, err, name)
			for _, err := range pool.Imap(ctx, p, square, slices.Values(upTo(2))) {
				assert.Error(t, err, name)
			}
		}, name)
	}
}

func TestMisuse_AContextThatIsDoneChangesNothing(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		before := p.Stats()
		path := t.TempDir() + "/ran"
		_, err := pool.Apply(ctx, p, marking.With(mark{Path: path}))
		assert.Equal(t, context.Canceled, err)
		assert.Equal(t, context.Canceled, pool.Submit(ctx, p, marking.With(mark{Path: path})).Err())
		_, err = pool.Map(ctx, p, marking, []mark{{Path: path}})
		assert.Equal(t, context.Canceled, err)
		for _, err := range pool.Imap(ctx, p, marking, slices.Values([]mark{{Path: path}})) {
			assert.Equal(t, context.Canceled, err)
		}
		past, stop := context.WithDeadline(context.Background(), time.Now().Add(-time.Hour))
		defer stop()
		_, err = pool.Apply(past, p, marking.With(mark{Path: path}))
		assert.Equal(t, context.DeadlineExceeded, err)
		assert.Equal(t, before, p.Stats())
		require.NoError(t, p.Shutdown(within(t)))
		assert.Empty(t, notes(t, path))
	})
}

func TestPOOL14_NothingIsAcceptedAfterTheEnd(t *testing.T) {
	for _, end := range []string{"Shutdown", "Close", "Shutdown, Close", "Close, Shutdown"} {
		t.Run(end, func(t *testing.T) {
			bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
				ctx := within(t)
				for _, way := range [][]string{{"Shutdown", end[:1]}, {"Close", end[:1]}} {
					if way[0][:1] == way[1] {
						endBy(t, p, way[0])
					}
				}
				if len(end) > len("Shutdown") {
					endBy(t, p, "Close")
					endBy(t, p, "Shutdown")
				}
				_, err := pool.Apply(ctx, p, square.With(1))
				assert.ErrorIs(t, err, pool.ErrShutdown)
				assert.ErrorIs(t, pool.Submit(ctx, p, square.With(1)).Err(), pool.ErrShutdown)
				_, err = pool.Map(ctx, p, square, upTo(3))
				assert.ErrorIs(t, err, pool.ErrShutdown)
				_, err = pool.Map(ctx, p, square, nil)
				assert.ErrorIs(t, err, pool.ErrShutdown)
				for _, err := range pool.Imap(ctx, p, square, slices.Values(upTo(3))) {
					assert.ErrorIs(t, err, pool.ErrShutdown)
				}
				assert.Empty(t, p.Workers())
				assert.Zero(t, p.Stats().Workers)
				require.NoError(t, p.Shutdown(ctx))
				require.NoError(t, p.Close())
			})
		})
	}
}

func endBy(t *testing.T, p *pool.Pool, way string) {
	t.Helper()
	if way == "Close" {
		require.NoError(t, p.Close())
		return
	}
	require.NoError(t, p.Shutdown(within(t)))
}
