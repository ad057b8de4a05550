//go:build linux

package pool_test

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/pool"
)

// counted is a value that tasks change, and by how much.
type counted struct {
	V  *mp.Value[int]
	As []*mp.Array[int]
	By int
}

var (
	addShared = mp.Func(func(_ context.Context, c counted) (int, error) {
		for _, a := range c.As {
			a.Update(func(items []int) { items[0] += c.By })
		}
		c.V.Update(func(x *int) { *x += c.By })
		return c.By, c.V.Close()
	})
	// addAndKeep leaves its handles to the collector.
	addAndKeep = mp.Action(func(_ context.Context, v *mp.Value[int]) error {
		v.Update(func(x *int) { *x++ })
		return nil
	})
	// dieWithLock takes the lock and ends its worker.
	dieWithLock = mp.Action(func(_ context.Context, v *mp.Value[int]) error {
		v.Lock()
		os.Exit(3)
		return nil
	})
	// linger waits for the end of its context.
	linger = mp.Action(func(ctx context.Context, v *mp.Value[int]) error {
		v.Store(1)
		<-ctx.Done()
		return ctx.Err()
	})
	returnShared = mp.Pure(func(v *mp.Value[int]) *mp.Value[int] { return v })
	// makeShared leaves what it has made to nobody, and has the collector look for that.
	makeShared = mp.Pure(func(x int) *mp.Value[int] {
		defer runtime.GC()
		return mp.Must(mp.NewValue(x))
	})
)

// inUse returns how many objects the shared memory has, when no more go.
func inUse(t testing.TB) int {
	t.Helper()
	a, err := shm.Default()
	require.NoError(t, err)
	a.Reap()
	_, cells := a.Heap()
	return cells
}

// givenBack waits until no more objects are there than before.
func givenBack(t testing.TB, before int) {
	t.Helper()
	const spare = 4 // slabs and extents that are kept for the next
	until(t, "what was in use has been given back", func() bool { return inUse(t) <= before+spare })
}

// closedLater closes a value at the end of the test.
func closedLater[T interface{ Close() error }](t testing.TB, x T) T {
	t.Cleanup(func() { assert.NoError(t, x.Close()) })
	return x
}

// Handles are arguments of all kinds of calls, and of several at once.
func TestHandlesAreArguments(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		before := inUse(t)
		v, a := mp.Must(mp.NewValue(0)), mp.Must(mp.NewArray[int](1))
		c := counted{v, []*mp.Array[int]{a, nil, a}, 3}
		c.As = slices.DeleteFunc(c.As, func(a *mp.Array[int]) bool { return a == nil })
		got, err := pool.Apply(within(t), p, addShared.With(c))
		require.NoError(t, err)
		assert.Equal(t, 3, got)
		_, err = ended(t, pool.Submit(within(t), p, addShared.With(c)))
		require.NoError(t, err)
		same := slices.Repeat([]counted{c}, 50)
		sums, err := pool.Map(within(t), p, addShared, same)
		require.NoError(t, err)
		assert.Len(t, sums, 50)
		for _, err := range pool.Imap(within(t), p, addShared, slices.Values(same)) {
			require.NoError(t, err)
		}
		for _, err := range pool.ImapUnordered(within(t), p, addShared, slices.Values(same)) {
			require.NoError(t, err)
		}
		assert.Equal(t, 3*152, v.Load())
		assert.Equal(t, 2*3*152, a.At(0), "the same handle twice")
		require.NoError(t, v.Close())
		require.NoError(t, a.Close())
		require.NoError(t, p.Close())
		givenBack(t, before)
	})
}

// The sender closes its handles as soon as Submit has returned, though the task waits
// for its turn.
func TestHandlesAreClosedBehindSubmit(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	sum := closedLater(t, mp.Must(mp.NewArray[int](1)))
	before := inUse(t)
	var all []*pool.Future[int]
	for i := range 200 {
		c := counted{mp.Must(mp.NewValue(i)), []*mp.Array[int]{sum}, 1}
		all = append(all, pool.Submit(within(t), p, addShared.With(c)))
		require.NoError(t, c.V.Close())
	}
	for _, f := range all {
		_, err := ended(t, f)
		require.NoError(t, err)
	}
	assert.Equal(t, 200, sum.At(0))
	require.NoError(t, p.Shutdown(within(t)))
	givenBack(t, before)
}

// What was sent with a task that never runs, or whose worker dies, is given back.
func TestHandlesOfTasksThatComeToNothing(t *testing.T) {
	check(t)
	quiet(t)
	p := newPool(t, pool.Options{Workers: 1, KillGrace: -1})
	before := inUse(t)

	v := mp.Must(mp.NewValue(0))
	ctx, cancel := context.WithCancel(within(t))
	first := pool.Submit(ctx, p, linger.With(v))
	until(t, "it runs", func() bool { return v.Load() == 1 })
	var queued []*pool.Future[mp.None]
	for range 20 {
		w := mp.Must(mp.NewValue(0))
		queued = append(queued, pool.Submit(within(t), p, addAndKeep.With(w)))
		require.NoError(t, w.Close())
	}
	for _, f := range queued {
		f.Cancel()
		_, err := ended(t, f)
		assert.ErrorIs(t, err, context.Canceled)
	}
	cancel()
	_, err := ended(t, first)
	assert.ErrorIs(t, err, context.Canceled)

	_, err = pool.Apply(within(t), p, dieWithLock.With(v))
	var died *pool.WorkerDiedError
	require.ErrorAs(t, err, &died)
	require.NoError(t, v.Acquire(within(t)))
	assert.True(t, v.OwnerDied())
	v.Repaired()
	v.Unlock()
	_, err = pool.Apply(within(t), p, addAndKeep.With(v))
	require.NoError(t, err)
	assert.Equal(t, 2, v.Load())

	require.NoError(t, v.Close())
	_, err = pool.Apply(within(t), p, addAndKeep.With(v))
	assert.ErrorIs(t, err, mp.ErrClosed)
	_, err = pool.Map(within(t), p, addAndKeep, []*mp.Value[int]{v})
	assert.ErrorIs(t, err, mp.ErrClosed)
	_, err = pool.Apply(within(t), p, addAndKeep.With(new(mp.Value[int])))
	assert.ErrorContains(t, err, "handles do not travel in globals")
	require.NoError(t, p.Close())
	givenBack(t, before)
}

// Workers that are killed at any moment leave neither handles nor locks behind.
func TestHandlesOfWorkersThatAreKilled(t *testing.T) {
	check(t)
	quiet(t)
	p := newPool(t, pool.Options{Workers: 2})
	before := inUse(t)
	v := mp.Must(mp.NewValue(0))
	var stop atomic.Bool
	sent, succeeded := 0, 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ; !stop.Load(); sent++ {
			w := mp.Must(mp.NewArray[int](2))
			f := pool.Submit(context.Background(), p, addShared.With(counted{v, []*mp.Array[int]{w, w}, 1}))
			_ = w.Close()
			if _, err := f.Get(context.Background()); err == nil {
				succeeded++
			}
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
	t.Logf("%d of %d tasks", succeeded, sent)
	assert.NotZero(t, succeeded)
	assert.GreaterOrEqual(t, v.Load(), succeeded)
	assert.LessOrEqual(t, v.Load(), sent)
	require.NoError(t, p.Close())
	require.NoError(t, v.Close())
	givenBack(t, before)
}

// meeting is an item of a Map that runs while all the others do.
type meeting struct {
	B *mp.Barrier
}

var meetAndTell = mp.Func(func(ctx context.Context, m meeting) (int, error) {
	_, err := m.B.Wait(ctx)
	return os.Getpid(), err
})

// What a worker has touched of shared memory is mapped: the next Map over the same
// parts finds it there.
func TestMapGivesEachWorkerThePartThatItHad(t *testing.T) {
	check(t)
	const workers = 3
	p := newPool(t, pool.Options{Workers: workers})
	b := closedLater(t, mp.Must(mp.NewBarrier(workers)))
	items := slices.Repeat([]meeting{{b}}, workers)
	first, err := pool.Map(within(t), p, meetAndTell, items, pool.ChunkSize(1))
	require.NoError(t, err)
	for range 20 {
		again, err := pool.Map(within(t), p, meetAndTell, items, pool.ChunkSize(1))
		require.NoError(t, err)
		assert.Equal(t, first, again)
	}
}
