//go:build linux

package shm

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// threads returns how many threads this process has.
func threads() int {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		panic(err)
	}
	return len(entries)
}

// cpuTime returns what this process has used.
func cpuTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// A crowd of goroutines waits for locks that its own process holds.
var crowd = scenario("be a crowd", func(c *insider) {
	goroutines, err := strconv.Atoi(os.Args[1])
	c.must(err)
	locks, err := strconv.Atoi(os.Args[2])
	c.must(err)
	objects := make([]*Object, locks)
	for i := range objects {
		objects[i], err = c.a.New(Spec{Kind: FirstKind})
		c.must(err)
		_, err = objects[i].LockWord().Acquire(context.Background(), nil)
		c.must(err)
	}
	began := threads()
	var all sync.WaitGroup
	var waiting, got atomic.Int64
	for i := range goroutines {
		l := objects[i%locks].LockWord()
		all.Go(func() {
			waiting.Add(1)
			_, err := l.Acquire(context.Background(), nil)
			c.must(err)
			got.Add(1)
			l.ReleaseOwn()
		})
	}
	for waiting.Load() < int64(goroutines) {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond) // let them go to sleep
	used, start := cpuTime(), time.Now()
	c.say("waiting")
	c.hear()
	cpu := float64(cpuTime()-used) / float64(time.Since(start))
	c.say("%d %.3f %d", threads()-began, cpu, got.Load())
	start = time.Now()
	for _, o := range objects {
		o.LockWord().ReleaseOwn()
	}
	all.Wait()
	c.say("%d %d", got.Load(), time.Since(start).Microseconds())
	forever()
})

// Thousands of goroutines that wait cost a few threads and little time, and all get
// what they wait for.
func TestCrowds(t *testing.T) {
	for _, test := range []struct{ goroutines, locks, threads int }{{20000, 1, 20}, {2000, 2000, 200}, {5000, 100, 140}} {
		t.Run(fmt.Sprintf("%d on %d", test.goroutines, test.locks), func(t *testing.T) {
			m := start(t, fresh(t), crowd, strconv.Itoa(test.goroutines), strconv.Itoa(test.locks))
			m.expect("waiting")
			time.Sleep(time.Second)
			m.tell("go")
			var threads, got int
			var cpu float64
			_, err := fmt.Sscan(m.line(), &threads, &cpu, &got)
			require.NoError(t, err)
			assert.Zero(t, got)
			assert.Less(t, threads, test.threads)
			var micros int64
			_, err = fmt.Sscan(m.line(), &got, &micros)
			require.NoError(t, err)
			t.Logf("%d threads, %.1f %% of a CPU while they wait, all have it within %v", threads, 100*cpu, time.Duration(micros)*time.Microsecond)
			assert.Equal(t, test.goroutines, got)
			if !raceEnabled {
				assert.Less(t, cpu, 0.5)
			}
		})
	}
}

// waitingHandle returns a handle on a lock that a child holds.
func waitingHandle(t testing.TB) (h *Handle, o *Object, m *member) {
	a := fresh(t)
	o = newObject(t, a, 0)
	owner := &struct{ h Handle }{}
	Bind(owner, &owner.h, o)
	return &owner.h, o, held(t, a, o)
}

// acquire waits as a user of handles does.
func acquire(ctx context.Context, h *Handle) error {
	if err := h.Enter(); err != nil {
		return err
	}
	defer h.Exit()
	_, err := h.Object().LockWord().Acquire(ctx, h.Closed)
	return err
}

// A wait ends promptly when its ctx does, for each of many goroutines, and the lock
// goes on working.
func TestWaitEndsWithItsContext(t *testing.T) {
	h, o, m := waitingHandle(t)
	for _, n := range []int{1, 50, 2000} {
		ctx, cancel := context.WithCancel(t.Context())
		deadline, stop := context.WithTimeout(t.Context(), 3*recheck/2)
		defer stop()
		errs := make(chan error, 3*n)
		for i := range n {
			own, cancelOwn := context.WithCancel(t.Context())
			defer cancelOwn()
			go func() { errs <- acquire(ctx, h) }()
			go func() { errs <- acquire(deadline, h) }()
			go func() {
				time.AfterFunc(time.Duration(i)*100*time.Microsecond, cancelOwn)
				errs <- acquire(own, h)
			}()
		}
		asleepOn(t, o.LockWord())
		time.AfterFunc(recheck/2, cancel)
		began := time.Now()
		within(t, patience, "a wait whose ctx has ended", func() {
			for range 3 * n {
				assert.Error(t, <-errs)
			}
		})
		t.Logf("%d waits ended within %v", 3*n, time.Since(began))
	}
	got := make(chan error)
	go func() { got <- acquire(t.Context(), h) }()
	m.tell("release")
	m.expect("released")
	within(t, patience, "the lock", func() { require.NoError(t, <-got) })
	o.LockWord().ReleaseOwn()
	within(t, patience, "a free lock", func() { require.NoError(t, acquire(t.Context(), h)) })
	o.LockWord().ReleaseOwn()
	require.NoError(t, h.Close())
}

// One wait that is cancelled ends at once.
func TestWaitEndsAtOnce(t *testing.T) {
	h, o, _ := waitingHandle(t)
	var slowest time.Duration
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error)
		go func() { errs <- acquire(ctx, h) }()
		until(t, "it sleeps", func() bool { return o.arena.parking.sleepers.Load() == 1 })
		began := time.Now()
		cancel()
		require.ErrorIs(t, <-errs, context.Canceled)
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("at most %v", slowest)
	assert.Less(t, slowest, time.Second)
}

// One wait that is cancelled ends at once behind many that are not.
func TestWaitEndsBehindOthers(t *testing.T) {
	h, o, m := waitingHandle(t)
	const n = 300
	errs := make(chan error, n)
	for range n {
		go func() { errs <- acquire(context.Background(), h) }()
	}
	until(t, "all wait", func() bool { return o.arena.parking.lined(o.lock) >= n-1 })
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), recheck/5)
		began := time.Now()
		require.ErrorIs(t, acquire(ctx, h), context.DeadlineExceeded)
		assert.Less(t, time.Since(began), time.Second)
		cancel()
	}
	require.NoError(t, h.Close())
	within(t, patience, "waits for a closed handle", func() {
		for range n {
			require.ErrorIs(t, <-errs, ErrClosed)
		}
	})
	m.kill()
}

// Close ends the waits of its handle, however many there are.
func TestCloseEndsWaits(t *testing.T) {
	for _, n := range []int{1, 500} {
		h, o, m := waitingHandle(t)
		errs := make(chan error, n)
		for range n {
			go func() { errs <- acquire(context.Background(), h) }()
		}
		until(t, "all wait", func() bool { return inside(h.state.Load()) == int64(n) })
		asleepOn(t, o.LockWord())
		began := time.Now()
		require.NoError(t, h.Close())
		within(t, patience, "waits for a closed handle", func() {
			for range n {
				require.ErrorIs(t, <-errs, ErrClosed)
			}
		})
		t.Logf("%d waits ended within %v", n, time.Since(began))
		assert.Less(t, time.Since(began), 5*time.Second)
		assert.ErrorIs(t, acquire(t.Context(), h), ErrClosed)
		until(t, "the object is given up", func() bool { o.arena.mu.Lock(); defer o.arena.mu.Unlock(); return len(o.arena.objects) == 0 })
		checkIntegrity(t, o.arena)
		m.tell("release")
		m.expect("released")
	}
}
