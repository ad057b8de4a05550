//go:build linux

package pool_test

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// made is what a task has made: handles in a struct, a slice and a map.
type madeShared struct {
	V  *mp.Value[int]
	As []*mp.Array[int]
	Qs map[string]*mp.Queue[int]
}

var (
	makeMany = mp.Func(func(ctx context.Context, x int) (m madeShared, err error) {
		m.V = mp.Must(mp.NewValue(x))
		m.As = []*mp.Array[int]{mp.Must(mp.NewArray[int](x + 1)), nil}
		q := mp.Must(mp.NewQueue[int](0))
		m.Qs = map[string]*mp.Queue[int]{"q": q}
		return m, q.Put(ctx, x)
	})
	// makeSlowly ends a while after its context.
	makeSlowly = mp.Func(func(ctx context.Context, begun *mp.Value[int]) (*mp.Value[int], error) {
		begun.Store(1)
		<-ctx.Done()
		return mp.NewValue(1)
	})
	// makeThenExit has its worker end when the result is on its way, as like as not.
	makeThenExit = mp.Pure(func(x int) *mp.Value[int] {
		time.AfterFunc(time.Millisecond, func() { os.Exit(3) })
		return mp.Must(mp.NewValue(x))
	})
)

func takeOver(t *testing.T, x int, v *mp.Value[int], err error) {
	t.Helper()
	require.NoError(t, err)
	assert.Equal(t, x, v.Load())
	assert.NoError(t, v.Close())
}

// A handle in a result is there until the result has been decoded, whatever the
// worker does with its own.
func TestHandlesInResults(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	before := inUse(t)
	v := mp.Must(mp.NewValue(7))
	got, err := pool.Apply(within(t), p, returnShared.With(v))
	require.NoError(t, v.Close())
	takeOver(t, 7, got, err)
	for i := range 20 {
		got, err := pool.Apply(within(t), p, makeShared.With(i))
		takeOver(t, i, got, err)
	}
	items := make([]int, 50)
	for i := range items {
		items[i] = i
	}
	values, err := pool.Map(within(t), p, makeShared, items, pool.ChunkSize(7))
	for i := range items {
		takeOver(t, i, values[i], err)
	}
	for x, err := range pool.ImapUnordered(within(t), p, makeMany, slices.Values(items)) {
		require.NoError(t, err)
		n := x.V.Load()
		assert.Equal(t, n+1, x.As[0].Len())
		assert.Nil(t, x.As[1])
		in, err := x.Qs["q"].TryGet()
		require.NoError(t, err)
		assert.Equal(t, n, in)
		assert.NoError(t, x.V.Close())
		assert.NoError(t, x.As[0].Close())
		assert.NoError(t, x.Qs["q"].Close())
	}
	require.NoError(t, p.Close())
	givenBack(t, before)
}

func TestHandlesInResultsOfGoroutines(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2, Local: true})
	before := inUse(t)
	for i := range 20 {
		got, err := pool.Apply(within(t), p, makeShared.With(i))
		takeOver(t, i, got, err)
	}
	require.NoError(t, p.Close())
	givenBack(t, before)
}

// Handles as items of a Map and an Imap, whose input is made as it goes.
func TestHandlesAsItems(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	before := inUse(t)
	var items []*mp.Value[int]
	for i := range 20 {
		items = append(items, mp.Must(mp.NewValue(i)))
	}
	values, err := pool.Map(within(t), p, returnShared, items)
	for i := range items {
		takeOver(t, i, values[i], err)
	}
	next := 0
	for v, err := range pool.Imap(within(t), p, returnShared, slices.Values(items), pool.ChunkSize(5)) {
		takeOver(t, next, v, err)
		next++
	}
	assert.Equal(t, len(items), next)
	for _, v := range items {
		require.NoError(t, v.Close())
	}
	require.NoError(t, p.Close())
	givenBack(t, before)
}

// What a result refers to that nobody waits for any more is given back.
func TestHandlesInResultsThatAreDropped(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	before := inUse(t)
	begun := mp.Must(mp.NewValue(0))
	for range 10 {
		begun.Store(0)
		ctx, cancel := context.WithCancel(within(t))
		f := pool.Submit(ctx, p, makeSlowly.With(begun))
		until(t, "the task has begun", func() bool { return begun.Load() == 1 })
		cancel()
		if got, err := f.Get(within(t)); err == nil {
			assert.NoError(t, got.Close())
		}
	}
	require.NoError(t, begun.Close())
	require.NoError(t, p.Close())
	givenBack(t, before)
}

// A result that was written before its worker's death counts, handles and all; one
// that was not is made again.
func TestHandlesInResultsOfTheDead(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2, Retries: 1000})
	before := inUse(t)
	for i := range 20 {
		got, err := pool.Apply(within(t), p, makeThenExit.With(i))
		takeOver(t, i, got, err)
	}
	require.NoError(t, p.Close())
	givenBack(t, before)
}

// Workers are killed at random moments while they return handles.
func TestHandlesInResultsUnderKills(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2, Retries: 1000})
	before := inUse(t)
	var stop atomic.Bool
	var succeeded int
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			got, err := pool.Apply(context.Background(), p, makeMany.With(i%100))
			if !assert.NoError(t, err) {
				return
			}
			in, err := got.Qs["q"].TryGet()
			assert.NoError(t, err)
			assert.Equal(t, got.V.Load(), in)
			assert.NoError(t, got.V.Close())
			assert.NoError(t, got.As[0].Close())
			assert.NoError(t, got.Qs["q"].Close())
			succeeded++
		}
	}()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range kills(t) {
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
		if pids := p.Workers(); len(pids) > 0 {
			_ = killNow(pids[rng.IntN(len(pids))])
		}
	}
	stop.Store(true)
	returns(t, "the last task", func() { <-done })
	t.Logf("%d results", succeeded)
	assert.NotZero(t, succeeded)
	require.NoError(t, p.Close())
	givenBack(t, before)
}
