//go:build linux

package mp_test

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// A lockJob is what a process does with a lock.
type lockJob struct {
	Lock  *mp.Lock
	RLock *mp.RLock
	Has   *mp.Event // set when the process has it
	Go    *mp.Event // what it waits for then
	N     *mp.RawValue[int64]
	Times int
}

func (j lockJob) lock() mp.Locker {
	if j.Lock != nil {
		return j.Lock
	}
	return j.RLock
}

// holdALock takes the lock, says so, and gives it back when it is told to.
var holdALock = mp.Action(func(ctx context.Context, j lockJob) error {
	if err := j.lock().Acquire(ctx); err != nil {
		return err
	}
	j.Has.Set()
	if err := j.Go.Wait(ctx); err != nil {
		return err
	}
	return j.lock().Release()
})

// holdForEver takes the lock, says so, and waits to be killed.
var holdForEver = mp.Action(func(ctx context.Context, j lockJob) error {
	j.lock().Lock()
	j.Has.Set()
	select {}
})

var lockAndExit = mp.Action(func(_ context.Context, j lockJob) error {
	j.lock().Lock()
	exitNow()
	return nil
})

func newJob(t *testing.T) lockJob {
	return lockJob{
		Lock: made[*mp.Lock](t)(mp.NewLock()),
		Has:  made[*mp.Event](t)(mp.NewEvent()),
		Go:   made[*mp.Event](t)(mp.NewEvent()),
		N:    made[*mp.RawValue[int64]](t)(mp.NewRawValue(int64(0))),
	}
}

// recursive is the job with an RLock.
func (j lockJob) recursive(t *testing.T) lockJob {
	j.Lock, j.RLock = nil, made[*mp.RLock](t)(mp.NewRLock())
	return j
}

func TestLOCK01_ALockIsTakenOnce(t *testing.T) {
	l := made[*mp.Lock](t)(mp.NewLock())
	assert.False(t, l.Locked())
	require.NoError(t, l.Acquire(bounded(t)))
	assert.True(t, l.Locked())
	assert.False(t, l.TryLock())
	require.NoError(t, l.Release())
	assert.False(t, l.Locked())
	assert.ErrorIs(t, l.Release(), mp.ErrUnlocked)
	assert.PanicsWithError(t, "mp: Lock.Unlock: is not locked", l.Unlock)
	assert.True(t, l.TryLock())
	l.Unlock()
}

func TestLOCK02_ARecursiveLockCounts(t *testing.T) {
	l := made[*mp.RLock](t)(mp.NewRLock())
	for range 3 {
		l.Lock()
	}
	l.Unlock()
	assert.True(t, l.Locked())
	l.Unlock()
	assert.True(t, l.Locked())
	l.Unlock()
	assert.False(t, l.Locked())
	assert.ErrorIs(t, l.Release(), mp.ErrNotOwner)
	assert.PanicsWithError(t, "mp: RLock.Unlock: is not held by the calling goroutine", l.Unlock)
	assert.True(t, l.TryLock())
	assert.True(t, l.TryLock())
	l.Unlock()
	l.Unlock()
}

func TestLOCK03_ScopesGiveItBack(t *testing.T) {
	for _, l := range []mp.Locker{made[*mp.Lock](t)(mp.NewLock()), made[*mp.RLock](t)(mp.NewRLock())} {
		assert.Panics(t, func() {
			l.Lock()
			defer l.Unlock()
			panic("in the middle")
		})
		_ = func() error {
			l.Lock()
			defer l.Unlock()
			return errors.New("early")
		}()
		require.NoError(t, inBackground(t, func() error { return errors.Join(l.Acquire(bounded(t)), l.Release()) })())
	}
}

func TestLOCK04_AndLOCK05_AllSeeWhoHasIt(t *testing.T) {
	for _, j := range []lockJob{newJob(t), newJob(t).recursive(t)} {
		state := j.lock().(interface {
			Locked() bool
			String() string
		})
		assert.Contains(t, state.String(), "(free)")
		p := launch(t, holdALock.With(j))
		require.NoError(t, j.Has.Wait(bounded(t)))
		assert.True(t, state.Locked())
		assert.Contains(t, state.String(), "held by process")
		assert.False(t, j.lock().TryLock())
		j.Go.Set()
		require.NoError(t, join(t, p))
		assert.False(t, state.Locked())
		j.lock().Lock()
		if j.RLock != nil {
			j.RLock.Lock()
			assert.Contains(t, state.String(), "this goroutine, 2 times")
			j.RLock.Unlock()
		}
		assert.Contains(t, state.String(), "held by this")
		j.lock().Unlock()
	}
}

var releaseLock = mp.Action(func(_ context.Context, j lockJob) error { return j.lock().Release() })

func TestLOCK05_TheTextTellsTheOwner(t *testing.T) {
	l := made[*mp.Lock](t)(mp.NewLock())
	assert.Equal(t, "mp.Lock(free)", l.String())
	l.Lock()
	assert.Equal(t, "mp.Lock(held by this process)", l.String())
	l.Unlock()
}

func TestLOCK06_AnyProcessCanReleaseAPlainLock(t *testing.T) {
	j := newJob(t)
	j.Lock.Lock()
	require.NoError(t, join(t, launch(t, releaseLock.With(j))))
	assert.False(t, j.Lock.Locked())

	r := newJob(t).recursive(t)
	r.RLock.Lock()
	err := join(t, launch(t, releaseLock.With(r)))
	assert.ErrorIs(t, err, mp.ErrNotOwner)
	assert.True(t, r.RLock.Locked())
	r.RLock.Unlock()
}

func TestLOCK07_GoroutinesExcludeEachOther(t *testing.T) {
	l := made[*mp.RLock](t)(mp.NewRLock())
	l.Lock()
	other := func() error {
		if l.TryLock() {
			return errors.New("another goroutine has it too")
		}
		return l.Release()
	}
	assert.ErrorIs(t, inBackground(t, other)(), mp.ErrNotOwner)
	l.Unlock()
}

var addUnderLock = mp.Action(func(_ context.Context, j lockJob) error {
	p, release := j.N.Ptr()
	defer release()
	for range j.Times {
		j.lock().Lock()
		*p++
		j.lock().Unlock()
	}
	return nil
})

func TestLOCK08_NothingIsLostUnderALock(t *testing.T) {
	for _, j := range []lockJob{newJob(t), newJob(t).recursive(t)} {
		j.Times = 5000
		var ps []*mp.Process
		for range 4 {
			ps = append(ps, launch(t, addUnderLock.With(j)))
		}
		for _, p := range ps {
			require.NoError(t, join(t, p))
		}
		assert.EqualValues(t, 20000, j.N.Load())
	}
}

func TestLOCK09_WaitsEndWithTheTime(t *testing.T) {
	j := newJob(t)
	r := newJob(t).recursive(t)
	for _, j := range []lockJob{j, r} {
		p := launch(t, holdALock.With(j))
		require.NoError(t, j.Has.Wait(bounded(t)))
		timed(t, j.lock().Acquire)
		assert.Equal(t, context.DeadlineExceeded, j.lock().Acquire(endedContext()))
		cancelled, cancel := context.WithCancel(context.Background())
		ended := inBackground(t, func() error { return j.lock().Acquire(cancelled) })
		cancel()
		assert.Equal(t, context.Canceled, ended())
		j.Go.Set()
		require.NoError(t, join(t, p))
		require.NoError(t, j.lock().Acquire(bounded(t)), "the waits have left nothing behind")
		j.lock().Unlock()
	}
	assert.Equal(t, context.DeadlineExceeded, j.Lock.Acquire(endedContext()), "free, but nothing is changed")
	assert.False(t, j.Lock.Locked())
}

func TestLOCK10_TheLockOfADeadProcessGoesToTheNext(t *testing.T) {
	for _, j := range []lockJob{newJob(t), newJob(t).recursive(t)} {
		p := launch(t, holdForEver.With(j))
		require.NoError(t, j.Has.Wait(bounded(t)))
		ended := inBackground(t, func() error {
			defer j.lock().Unlock()
			return j.lock().Acquire(bounded(t))
		})
		require.NoError(t, p.Kill())
		require.NoError(t, ended())
		owner := j.lock().(interface {
			OwnerDied() bool
			Repaired()
		})
		assert.True(t, owner.OwnerDied())
		require.True(t, j.lock().TryLock())
		owner.Repaired()
		j.lock().Unlock()
		assert.False(t, owner.OwnerDied())
		_ = join(t, p)

		require.Error(t, join(t, launch(t, lockAndExit.With(j))))
		require.True(t, j.lock().TryLock(), "os.Exit is a death, too")
		assert.True(t, owner.OwnerDied())
		j.lock().Unlock()
	}
}

func TestLOCK11_AReleasedLockIsTakenSoon(t *testing.T) {
	l := made[*mp.Lock](t)(mp.NewLock())
	for range 50 {
		l.Lock()
		var taken time.Time
		ended := inBackground(t, func() error {
			defer l.Unlock()
			err := l.Acquire(bounded(t))
			taken = time.Now()
			return err
		})
		time.Sleep(time.Millisecond) // the other one is about to sleep, or asleep
		l.Unlock()
		start := time.Now()
		require.NoError(t, ended())
		assert.Less(t, taken.Sub(start), patience)
	}
}

func TestAStoppedHolderKeepsTheLock(t *testing.T) {
	j := newJob(t)
	p := launch(t, holdALock.With(j))
	require.NoError(t, j.Has.Wait(bounded(t)))
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGSTOP))
	eventually(t, "the holder is stopped", func() bool { return state(p.PID()) == "T" })
	timed(t, j.Lock.Acquire)
	assert.False(t, j.Lock.TryLock())
	assert.False(t, j.Lock.OwnerDied())
	require.NoError(t, syscall.Kill(p.PID(), syscall.SIGCONT))
	j.Go.Set()
	require.NoError(t, j.Lock.Acquire(bounded(t)))
	assert.False(t, j.Lock.OwnerDied())
	j.Lock.Unlock()
	require.NoError(t, join(t, p))
}

func TestLocksOrderMemoryForTheRaceDetector(t *testing.T) {
	v := made[*mp.Value[int]](t)(mp.NewValue(0))
	for _, l := range []mp.Locker{made[*mp.Lock](t)(mp.NewLock()), made[*mp.RLock](t)(mp.NewRLock()), v} {
		n := 0
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 500 {
					l.Lock()
					n++
					l.Unlock()
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 4000, n)
	}
}

func TestMisusedLocks(t *testing.T) {
	var none *mp.Lock
	var zero mp.RLock
	assert.ErrorContains(t, none.Acquire(t.Context()), "handles do not travel in globals")
	assert.ErrorContains(t, zero.Acquire(t.Context()), "create it after mp.Init")
	assert.Panics(t, none.Lock)
	assert.Panics(t, zero.Unlock)
	assert.NoError(t, none.Close())
	assert.False(t, none.Locked())
	assert.Contains(t, zero.String(), "not made here")

	l := mp.Must(mp.NewLock())
	l.Lock()
	assert.ErrorIs(t, l.Close(), mp.ErrInUse)
	l.Unlock()
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	assert.ErrorIs(t, l.Acquire(t.Context()), mp.ErrClosed)
	assert.ErrorIs(t, l.Release(), mp.ErrClosed)
	assert.PanicsWithError(t, "mp: Lock.Lock: has been closed", l.Lock)
	assert.PanicsWithError(t, "mp: Lock.TryLock: has been closed", func() { l.TryLock() })
	assert.Equal(t, "mp.Lock(has been closed)", l.String())
}

func TestLocksAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	l, r := made[*mp.Lock](t)(mp.NewLock()), made[*mp.RLock](t)(mp.NewRLock())
	v := made[*mp.Value[int64]](t)(mp.NewValue(int64(0)))
	n := 0
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		l.Lock()
		n++
		l.Unlock()
		r.Lock()
		n++
		r.Unlock()
		v.Update(func(x *int64) { *x++ })
		v.Store(v.Load())
	}))
}
