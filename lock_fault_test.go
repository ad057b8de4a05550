//go:build linux

package mp_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// held is a lock of each kind, and what its users tell about it.
type heldLock struct {
	L     *mp.Lock
	R     *mp.RLock
	V     *mp.Value[int]
	Ready *mp.Semaphore
	Got   *mp.Semaphore
	Go    *mp.Event
	Plain *mp.RawValue[int] // changed with the lock held only
	N     int
}

// locker returns the lock that it is about.
func (h heldLock) locker() mp.Locker {
	switch {
	case h.L != nil:
		return h.L
	case h.R != nil:
		return h.R
	}
	return h.V
}

func newHeldLock(t testing.TB) heldLock {
	return heldLock{
		Ready: made[*mp.Semaphore](t)(mp.NewSemaphore(0)), Got: made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
		Go: made[*mp.Event](t)(mp.NewEvent()), Plain: made[*mp.RawValue[int]](t)(mp.NewRawValue(0)),
	}
}

// eachLock runs a test with a lock of each kind.
func eachLock(t *testing.T, test func(t *testing.T, h heldLock)) {
	t.Helper()
	t.Run("Lock", func(t *testing.T) {
		h := newHeldLock(t)
		h.L = made[*mp.Lock](t)(mp.NewLock())
		test(t, h)
	})
	t.Run("RLock", func(t *testing.T) {
		h := newHeldLock(t)
		h.R = made[*mp.RLock](t)(mp.NewRLock())
		test(t, h)
	})
	t.Run("Value", func(t *testing.T) {
		h := newHeldLock(t)
		h.V = made[*mp.Value[int]](t)(mp.NewValue(0))
		test(t, h)
	})
}

var (
	// keepLock takes the lock and keeps it.
	keepLock = mp.Action(func(ctx context.Context, h heldLock) error {
		h.locker().Lock()
		if err := h.Ready.Release(); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	})
	// crowdAtLock lets N goroutines wait for the lock, each of which says that it has had
	// it, and whether it was told of a death.
	crowdAtLock = mp.Func(func(ctx context.Context, h heldLock) (told int, err error) {
		var all sync.WaitGroup
		var warned atomic.Int64
		errs := make([]error, h.N)
		for i := range h.N {
			all.Go(func() {
				l := h.locker()
				errs[i] = l.Acquire(ctx)
				if errs[i] != nil {
					return
				}
				if died(l) {
					warned.Add(1)
				}
				h.Plain.Store(h.Plain.Load() + 1)
				errs[i] = errors.Join(h.Got.Release(), l.Release())
			})
		}
		err = h.Ready.Release()
		all.Wait()
		return int(warned.Load()), errors.Join(append(errs, err)...)
	})
)

func died(l mp.Locker) bool { return l.(interface{ OwnerDied() bool }).OwnerDied() }
func repair(l mp.Locker)    { l.(interface{ Repaired() }).Repaired() }

// The holder is killed while fifty wait in five processes: all of them get the lock,
// one after the other, and all are told, for nobody has said that it is repaired.
func TestAllWaitersGetTheLockOfAKilledHolder(t *testing.T) {
	eachLock(t, func(t *testing.T, h heldLock) {
		holder := launch(t, keepLock.With(h))
		acquired(t, h.Ready, 1)
		const processes = 5
		h.N = 10
		var told [processes]func() error
		for i := range told {
			told[i] = inBackground(t, func() error {
				n, err := mp.Run(bounded(t), crowdAtLock.With(h))
				assert.Equal(t, h.N, n, "all are told")
				return err
			})
		}
		acquired(t, h.Ready, processes)
		assert.False(t, h.locker().TryLock())
		require.NoError(t, holder.Kill())
		acquired(t, h.Got, processes*h.N)
		for _, wait := range told {
			assert.NoError(t, wait())
		}
		assert.Equal(t, processes*h.N, h.Plain.Load(), "one after the other")
		l := h.locker()
		l.Lock()
		assert.True(t, died(l))
		repair(l)
		l.Unlock()
		n, err := mp.Run(bounded(t), crowdAtLock.With(h))
		assert.NoError(t, err)
		assert.Zero(t, n)
		assert.False(t, died(l))
	})
}

// A holder that is only stopped keeps the lock.
func TestAStoppedHolderIsNotDead(t *testing.T) {
	eachLock(t, func(t *testing.T, h heldLock) {
		holder := launch(t, keepLock.With(h))
		acquired(t, h.Ready, 1)
		require.NoError(t, syscall.Kill(holder.PID(), syscall.SIGSTOP))
		eventually(t, "it stops", func() bool { return state(holder.PID()) == "T" })
		l := h.locker()
		timed(t, l.Acquire) // which is several looks for the dead
		assert.False(t, l.TryLock())
		assert.False(t, died(l))
		require.NoError(t, syscall.Kill(holder.PID(), syscall.SIGCONT))
		assert.False(t, l.TryLock())
		require.NoError(t, syscall.Kill(holder.PID(), syscall.SIGSTOP))
		require.NoError(t, holder.Kill())
		require.NoError(t, l.Acquire(bounded(t)), "killed while it was stopped")
		assert.True(t, died(l))
		l.Unlock()
	})
}

// A holder that ends in good order, but with the lock, leaves it like one that dies.
func TestAHolderThatReturnsLeavesTheLock(t *testing.T) {
	eachLock(t, func(t *testing.T, h heldLock) {
		holder := launch(t, keepLock.With(h))
		acquired(t, h.Ready, 1)
		waiting := inBackground(t, func() error {
			err := h.locker().Acquire(bounded(t))
			if err == nil {
				assert.True(t, died(h.locker()))
				err = h.locker().Release()
			}
			return err
		})
		_ = holder.Stop(bounded(t))
		assert.NoError(t, waiting())
	})
}

// threads counts the threads of this process.
func threads(t testing.TB) int {
	t.Helper()
	return dirEntries(t, "/proc/self/task")
}

// Twenty thousand goroutines that wait for one lock cost the threads of a few, and
// all of them get it.
func TestACrowdAtOneLockCostsFewThreads(t *testing.T) {
	eachLock(t, func(t *testing.T, h heldLock) {
		const n = 20_000
		l := h.locker()
		l.Lock()
		before := threads(t)
		var all sync.WaitGroup
		var begun atomic.Int64
		count := 0 // of those who have had the lock, which protects it
		for range n {
			all.Go(func() {
				begun.Add(1)
				l.Lock()
				count++
				l.Unlock()
			})
		}
		eventually(t, "all of them wait", func() bool { return begun.Load() == n })
		for range 100 {
			runtime.Gosched()
		}
		assert.Less(t, threads(t)-before, 200)
		l.Unlock()
		assert.NoError(t, inBackground(t, func() error { all.Wait(); return nil })())
		assert.Equal(t, n, count)
	})
}

// Waiters whose contexts end go at once, and take nothing with them.
func TestWaitersWhoseContextsEnd(t *testing.T) {
	eachLock(t, func(t *testing.T, h heldLock) {
		l := h.locker()
		l.Lock()
		const n = 100
		ctx, cancel := context.WithCancel(context.Background())
		errs := make(chan error, n)
		for range n {
			go func() { errs <- l.Acquire(ctx) }()
		}
		other := inBackground(t, func() error {
			if err := l.Acquire(bounded(t)); err != nil {
				return err
			}
			return l.Release()
		})
		start := time.Now()
		cancel()
		for range n {
			assert.Equal(t, context.Canceled, <-errs)
		}
		assert.Less(t, time.Since(start), patience/2)
		l.Unlock()
		assert.NoError(t, other(), "the one whose context has not ended has the lock")
		assert.True(t, freeFor(l))
	})
}

// Contexts that end at the instant when the lock is given away lose no wake-up.
func TestContextsThatEndWithTheLockOnItsWay(t *testing.T) {
	eachLock(t, func(t *testing.T, h heldLock) {
		l := h.locker()
		rng := random(t)
		for range 300 {
			l.Lock()
			ctx, cancel := context.WithCancel(context.Background())
			first := inBackground(t, func() error {
				if err := l.Acquire(ctx); err != nil {
					return err
				}
				return l.Release()
			})
			second := inBackground(t, func() error {
				if err := l.Acquire(bounded(t)); err != nil {
					return err
				}
				return l.Release()
			})
			pause := time.Duration(rng.IntN(50)) * time.Microsecond
			ending := inBackground(t, func() error { time.Sleep(pause); cancel(); return nil })
			time.Sleep(time.Duration(rng.IntN(50)) * time.Microsecond)
			l.Unlock()
			if err := first(); err != nil {
				require.Equal(t, context.Canceled, err)
			}
			require.NoError(t, second())
			require.NoError(t, ending())
		}
	})
}

// Close ends the waits of its handle; the holder, elsewhere, keeps the lock.
func TestCloseEndsTheWaitsForALock(t *testing.T) {
	eachLock(t, func(t *testing.T, h heldLock) {
		holder := launch(t, keepLock.With(h))
		acquired(t, h.Ready, 1)
		l := anotherLocker(t, h.locker())
		const n = 50
		errs := make(chan error, n)
		for i := range n {
			go func() {
				if i%2 == 0 {
					errs <- l.Acquire(context.Background())
					return
				}
				errs <- errors.New(panicText(l.Lock))
			}()
		}
		assert.NoError(t, l.(interface{ Close() error }).Close())
		for range n {
			assert.ErrorContains(t, <-errs, "has been closed")
		}
		assert.False(t, h.locker().TryLock())
		require.NoError(t, holder.Kill())
		require.NoError(t, h.locker().Acquire(bounded(t)))
		h.locker().Unlock()
	})
}

// anotherLocker is anotherHandle for a lock of any kind.
func anotherLocker(t testing.TB, l mp.Locker) mp.Locker {
	t.Helper()
	switch l := l.(type) {
	case *mp.Lock:
		return anotherHandle(t, l)
	case *mp.RLock:
		return anotherHandle(t, l)
	case *mp.Value[int]:
		return anotherHandle(t, l)
	}
	require.FailNow(t, "a lock of another type")
	return nil
}

// contendedLock is a recursive lock whose holders die.
type contendedLock struct {
	L     *mp.RLock
	Ready *mp.Semaphore
	Twice *mp.RawValue[int64]
}

var (
	holdRLock = mp.Action(func(ctx context.Context, c contendedLock) error {
		c.L.Lock()
		err := c.Ready.Release()
		<-ctx.Done()
		return err
	})
	// contendHere lets two goroutines take the lock when they can, one of which has the
	// number that the target of every process has.
	contendHere = mp.Action(func(ctx context.Context, c contendedLock) error {
		var inside atomic.Int64
		contend := func() {
			for ctx.Err() == nil {
				if !c.L.TryLock() {
					continue
				}
				if inside.Add(1) > 1 {
					c.Twice.Store(c.Twice.Load() + 1)
				}
				inside.Add(-1)
				c.L.Unlock()
				time.Sleep(100 * time.Microsecond)
			}
		}
		go contend()
		contend()
		return nil
	})
)

// Who takes the lock over from a dead process is not taken for that one's goroutine.
func TestADeadHoldersGoroutineIsNobodyElse(t *testing.T) {
	c := contendedLock{
		L: made[*mp.RLock](t)(mp.NewRLock()), Ready: made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
		Twice: made[*mp.RawValue[int64]](t)(mp.NewRawValue[int64](0)),
	}
	contender := launch(t, contendHere.With(c))
	killLoop(t, time.Microsecond, func() *mp.Process { return relaunch(t, holdRLock.With(c)) }, func() {
		acquired(t, c.Ready, 1)
	}, func(int) {})
	assert.Zero(t, c.Twice.Load(), "two had the lock at once")
	assert.True(t, contender.Alive())
}

func dirEntries(t testing.TB, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	return len(entries)
}
