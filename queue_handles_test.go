//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// Whoever waits through a handle wakes up when that is closed; the queue is there for
// others.
func TestCloseWakesThoseWhoWait(t *testing.T) {
	empty, err := mp.NewQueue[int](0)
	require.NoError(t, err)
	full, err := mp.NewQueue[int](1)
	require.NoError(t, err)
	require.NoError(t, full.Put(t.Context(), 1))
	// Others have them, too.
	p := launch(t, sleepWith.With([]*mp.Queue[int]{empty, full}))
	var waits []func() error
	for range 3 {
		waits = append(waits,
			inBackground(t, func() error { _, err := empty.Get(bounded(t)); return err }),
			inBackground(t, func() error { return full.Put(bounded(t), 2) }))
	}
	time.Sleep(10 * time.Millisecond) // most of them wait by now
	require.NoError(t, empty.Close())
	require.NoError(t, full.Close())
	for _, wait := range waits {
		assert.ErrorIs(t, wait(), mp.ErrClosed)
	}
	require.NoError(t, p.Kill())
}

var sleepWith = mp.Action(func(ctx context.Context, _ []*mp.Queue[int]) error {
	<-ctx.Done()
	return nil
})

// A bundle has handles of many sorts.
type bundle struct {
	Value *mp.Value[int]
	Lock  *mp.Lock
	Queue *mp.Queue[string]
	Again *mp.Value[int] // the same as Value
}

// close closes this process's handles.
func (b bundle) close(t testing.TB) {
	t.Helper()
	assert.NoError(t, b.Value.Close())
	assert.NoError(t, b.Lock.Close())
	assert.NoError(t, b.Queue.Close())
	if b.Again != b.Value {
		assert.NoError(t, b.Again.Close())
	}
}

func newBundle(t testing.TB, n int) bundle {
	t.Helper()
	b := bundle{Value: mp.Must(mp.NewValue(n)), Lock: mp.Must(mp.NewLock()), Queue: mp.Must(mp.NewQueue[string](0))}
	b.Again = b.Value
	require.NoError(t, b.Queue.Put(t.Context(), fmt.Sprint("inside ", n)))
	return b
}

var useBundles = mp.Action(func(ctx context.Context, q *mp.Queue[bundle]) error {
	for {
		b, err := q.TryGet()
		if errors.Is(err, mp.ErrEmpty) {
			return nil
		}
		if err != nil {
			return err
		}
		if !b.Lock.TryLock() {
			return errors.New("the lock is not free")
		}
		b.Lock.Unlock()
		n := b.Value.Load()
		b.Again.Store(n + 1)
		if b.Value.Load() != n+1 {
			return errors.New("the two are not the same")
		}
		s, err := b.Queue.Get(ctx)
		if err != nil {
			return err
		}
		if s != fmt.Sprint("inside ", n) {
			return errors.New(s)
		}
		for _, err := range []error{b.Value.Close(), b.Again.Close(), b.Lock.Close(), b.Queue.Close()} {
			if err != nil {
				return err
			}
		}
	}
})

func TestHandlesInItems(t *testing.T) {
	bytes, cells := usage(t)
	q, err := mp.NewQueue[bundle](0)
	require.NoError(t, err)
	for i := range 20 {
		b := newBundle(t, i)
		require.NoError(t, q.Put(t.Context(), b))
		b.close(t) // the item holds them
	}
	require.NoError(t, join(t, launch(t, useBundles.With(q))))
	assert.True(t, q.Empty())
	require.NoError(t, q.Close())
	givenBack(t, bytes, cells)
}

// Items that are never taken let go what they refer to: at the end of the queue, in
// whatever way it comes.
func TestQueueInAnItemThatIsNeverTaken(t *testing.T) {
	for name, end := range map[string]func(q *mp.Queue[bundle]) error{
		"close":    func(*mp.Queue[bundle]) error { return nil },
		"shutdown": func(q *mp.Queue[bundle]) error { return q.Shutdown(true) },
	} {
		t.Run(name, func(t *testing.T) {
			bytes, cells := usage(t)
			q, err := mp.NewQueue[bundle](0)
			require.NoError(t, err)
			for i := range 100 {
				b := newBundle(t, i)
				for range 30 {
					require.NoError(t, b.Queue.Put(t.Context(), string(make([]byte, 3000+i*100))))
				}
				require.NoError(t, q.Put(t.Context(), b))
				b.close(t)
			}
			require.NoError(t, end(q))
			require.NoError(t, q.Close())
			givenBack(t, bytes, cells)
		})
	}
}

// A process that dies as the last one that holds such a queue leaves nothing.
func TestTheLastHolderOfAQueueIsKilled(t *testing.T) {
	bytes, cells := usage(t)
	for range max(kills(t)/20, 2) {
		p := launch(t, fillAndDie.With(none))
		require.Equal(t, syscall.SIGKILL, failed(t, join(t, p)).Signal)
		givenBack(t, bytes, cells)
	}
}

var fillAndDie = mp.Action(func(ctx context.Context, _ mp.None) error {
	q, err := mp.NewQueue[bundle](0)
	if err != nil {
		return err
	}
	for range 50 {
		inner, err := mp.NewQueue[string](0)
		if err != nil {
			return err
		}
		for n := range 10 {
			if err := inner.Put(ctx, string(make([]byte, n*3000))); err != nil {
				return err
			}
		}
		if err := q.Put(ctx, bundle{Queue: inner}); err != nil {
			return err
		}
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
})

// Queues in items of queues, many levels deep.
type nest struct{ Q *mp.Queue[nest] }

func TestQueuesInQueuesInQueues(t *testing.T) {
	bytes, cells := usage(t)
	outer, err := mp.NewQueue[nest](0)
	require.NoError(t, err)
	const levels = 90
	for range levels {
		q, err := mp.NewQueue[nest](0)
		require.NoError(t, err)
		require.NoError(t, q.Put(t.Context(), nest{outer}))
		require.NoError(t, outer.Close())
		outer = q
	}
	require.NoError(t, outer.Close())
	givenBack(t, bytes, cells)
}

func TestAQueueInItself(t *testing.T) {
	q := made[*mp.Queue[nest]](t)(mp.NewQueue[nest](0))
	assert.ErrorContains(t, q.Put(t.Context(), nest{q}), "itself")
	assert.Zero(t, q.Len())
}

func TestItemsWithManyHandles(t *testing.T) {
	bytes, cells := usage(t)
	q, err := mp.NewQueue[[]*mp.Lock](0)
	require.NoError(t, err)
	many := make([]*mp.Lock, 41)
	for i := range many {
		many[i] = mp.Must(mp.NewLock())
	}
	for _, err := range []error{q.Put(t.Context(), many), q.TryPut(many)} {
		assert.ErrorContains(t, err, "refers to 41 shared objects, more than the 40")
	}
	assert.Zero(t, q.Len())
	require.NoError(t, q.Put(t.Context(), many[:40]))
	for _, l := range many {
		require.NoError(t, l.Close())
	}
	got, err := q.TryGet()
	require.NoError(t, err)
	require.Len(t, got, 40)
	for _, l := range got {
		assert.True(t, l.TryLock())
		l.Unlock()
		require.NoError(t, l.Close())
	}
	require.NoError(t, q.Close())
	givenBack(t, bytes, cells)
}
