//go:build linux

package mp_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

// A multitude is many things of several kinds, each with what makes it ready and what
// makes it so no more.
type multitude struct {
	things []mp.Waitable
	rouse  []func() error
	calm   []func() error
	close  []func() error
}

func (m *multitude) add(thing mp.Waitable, rouse, calm func() error, closers ...func() error) {
	m.things, m.rouse, m.calm = append(m.things, thing), append(m.rouse, rouse), append(m.calm, calm)
	m.close = append(m.close, closers...)
}

// add10 adds ten things.
func (m *multitude) add10() error {
	ctx := context.Background()
	for range 4 {
		recv, send, err := mp.Simplex()
		if err != nil {
			return err
		}
		m.add(recv, func() error { return send.Send(ctx, 1) }, func() error { return recv.Recv(ctx, new(int)) }, recv.Close, send.Close)
	}
	for range 2 {
		q, err := mp.NewQueue[int](0)
		if err != nil {
			return err
		}
		e, err := mp.NewEvent()
		if err != nil {
			return err
		}
		m.add(q, func() error { return q.Put(ctx, 1) }, func() error { _, err := q.Get(ctx); return err }, q.Close)
		m.add(e, func() error { e.Set(); return nil }, func() error { e.Clear(); return nil }, e.Close)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	m.add(mp.Readable(r), func() error { _, err := w.Write([]byte{1}); return err },
		func() error { _, err := r.Read(make([]byte, 1)); return err }, r.Close, w.Close)
	a, b, err := socketConns()
	if err != nil {
		return err
	}
	m.add(a, func() error { return b.Send(ctx, 1) }, func() error { return a.Recv(ctx, new(int)) }, a.Close, b.Close)
	return nil
}

func newMultitude(n int) (*multitude, error) {
	m := new(multitude)
	for range n / 10 {
		if err := m.add10(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *multitude) end() (err error) {
	for _, c := range m.close {
		err = errors.Join(err, c())
	}
	return err
}

// socketConns returns both ends of a connection over a pair of sockets.
func socketConns() (a, b *mp.Conn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	ends := []**mp.Conn{&a, &b}
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		var failed error
		*ends[i], failed = mp.FileConn(f)
		err = errors.Join(err, failed, f.Close())
	}
	return a, b, err
}

func TestWaitForAThousand(t *testing.T) {
	leaktest.Check(t)
	m, err := newMultitude(1000)
	require.NoError(t, err)
	assert.Empty(t, readyNow(t, m.things...))
	rng := random(t)
	for range 20 {
		chosen := rng.Perm(len(m.things))[:1+rng.IntN(5)]
		slices.Sort(chosen)
		var want []mp.Waitable
		for _, i := range chosen {
			want = append(want, m.things[i])
		}
		go func() {
			for _, i := range chosen {
				assert.NoError(t, m.rouse[i]())
			}
		}()
		var got []mp.Waitable
		for len(got) < len(want) { // at first only some of them
			got = waited(t, m.things...)
		}
		require.Equal(t, want, got)
		for _, i := range chosen {
			require.NoError(t, m.calm[i]())
		}
	}
	require.NoError(t, m.end())
}

// idle is what a process says that waits for things of which none becomes ready.
type idle struct {
	CPU     float64 // of one
	Threads int     // more than without
}

var waitIdly = mp.Func(func(ctx context.Context, things int) (idle, error) {
	m, err := newMultitude(things)
	if err != nil {
		return idle{}, err
	}
	before := countThreads()
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, err := mp.Wait(ctx, m.things...)
		ended <- err
	}()
	time.Sleep(300 * time.Millisecond) // so that all are asleep
	used, start := cpuTime(), time.Now()
	time.Sleep(700 * time.Millisecond)
	got := idle{float64(cpuTime()-used) / float64(time.Since(start)), countThreads() - before}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		return got, err
	}
	return got, m.end()
})

// countThreads returns how many threads this process has.
func countThreads() int {
	entries, _ := os.ReadDir("/proc/self/task")
	return len(entries)
}

// cpuTime returns what this process has used.
func cpuTime() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func TestWaitCostsNothing(t *testing.T) {
	for _, things := range []int{10, 1000} {
		got, err := mp.Run(bounded(t), waitIdly.With(things))
		require.NoError(t, err)
		t.Logf("%d things: %.2f %% of a CPU, %d more threads", things, 100*got.CPU, got.Threads)
		assert.Less(t, got.CPU, 0.02)
		assert.Less(t, got.Threads, 16)
	}
}

// Hundreds of goroutines wait for the same things, and all see which is ready.
func TestWaitsByTheHundred(t *testing.T) {
	leaktest.Check(t)
	m, err := newMultitude(10)
	require.NoError(t, err)
	for i, thing := range m.things {
		var all sync.WaitGroup
		var waiting atomic.Int32
		for range 300 {
			all.Go(func() {
				waiting.Add(1)
				ready, err := mp.Wait(bounded(t), m.things...)
				assert.NoError(t, err)
				assert.Equal(t, []mp.Waitable{thing}, ready)
			})
		}
		eventually(t, "all wait", func() bool { return waiting.Load() == 300 })
		require.NoError(t, m.rouse[i]())
		all.Wait()
		require.NoError(t, m.calm[i]())
	}
	require.NoError(t, m.end())
}

// Many become ready at the same instant, and each is taken once by one of several who
// wait and take.
func TestWaitAndTakeBesideOthers(t *testing.T) {
	const each, takers = 50, 4
	a, b := pipePair(t)
	x, y := connPair(t, "unix")
	q := made[*mp.Queue[int]](t)(mp.NewQueue[int](0))
	var left atomic.Int32
	left.Store(3 * each)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	take := func(err error) {
		if err == nil && left.Add(-1) == 0 {
			cancel()
		}
	}
	var all sync.WaitGroup
	for range takers {
		all.Go(func() {
			for {
				ready, err := mp.Wait(ctx, a, q, x)
				if err != nil {
					assert.Equal(t, context.Canceled, err)
					return
				}
				for _, thing := range ready { // somebody else may be faster
					switch thing := thing.(type) {
					case *mp.Queue[int]:
						_, err = thing.TryGet()
					case *mp.Conn:
						soon, end := context.WithTimeout(ctx, time.Millisecond)
						_, err = mp.Recv[int](soon, thing)
						end()
					}
					take(err)
				}
			}
		})
	}
	for _, put := range []func(int) error{
		func(i int) error { return b.Send(ctx, i) },
		func(i int) error { return y.Send(ctx, i) },
		func(i int) error { return q.Put(ctx, i) },
	} {
		all.Go(func() {
			for i := range each {
				assert.NoError(t, put(i))
			}
		})
	}
	all.Wait()
	assert.Zero(t, left.Load())
}

// bystander is what processes wait for, without taking anything.
type bystander struct {
	Conn  *mp.Conn
	Queue *mp.Queue[int]
	Event *mp.Event
	Seen  *mp.Semaphore // released for each that is ready
	Again *mp.Semaphore // to be acquired before the next wait
}

var standBy = mp.Action(func(ctx context.Context, b bystander) error {
	for {
		ready, err := mp.Wait(ctx, b.Conn, b.Queue, b.Event)
		if err != nil {
			return err
		}
		for range ready {
			b.Seen.Release()
		}
		if err := b.Again.Acquire(ctx); err != nil {
			return err
		}
	}
})

func newBystander(t testing.TB) (b bystander, there *mp.Conn) {
	here, there := pipePair(t)
	return bystander{
		here, made[*mp.Queue[int]](t)(mp.NewQueue[int](0)), made[*mp.Event](t)(mp.NewEvent()),
		made[*mp.Semaphore](t)(mp.NewSemaphore(0)), made[*mp.Semaphore](t)(mp.NewSemaphore(0)),
	}, there
}

// Several processes wait for the same thing, and all see it ready.
func TestWaitInSeveralProcesses(t *testing.T) {
	const processes = 3
	b, there := newBystander(t)
	for range processes {
		launch(t, standBy.With(b), daemon)
	}
	for _, step := range []struct{ rouse, calm func() error }{
		{func() error { return there.Send(bounded(t), 1) }, func() error { return b.Conn.Recv(bounded(t), new(int)) }},
		{func() error { return b.Queue.Put(bounded(t), 1) }, func() error { _, err := b.Queue.Get(bounded(t)); return err }},
		{func() error { b.Event.Set(); return nil }, func() error { b.Event.Clear(); return nil }},
	} {
		for range 20 {
			require.NoError(t, step.rouse())
			acquired(t, b.Seen, processes)
			require.NoError(t, step.calm())
			for range processes {
				b.Again.Release()
			}
		}
	}
	assert.Zero(t, b.Seen.Value())
}

// Who waits is killed, again and again: the things stay whole, others see what is ready,
// and nothing is left of the dead.
func TestWaitWhileOthersWhoWaitAreKilled(t *testing.T) {
	b, there := newBystander(t)
	for n := range 10_000 { // until they have the spare memory that they keep
		require.NoError(t, b.Queue.TryPut(n))
		require.NoError(t, there.Send(t.Context(), n))
		_, err := b.Queue.TryGet()
		require.NoError(t, err)
		require.NoError(t, b.Conn.Recv(t.Context(), new(int)))
	}
	before := heap(t)
	var victim *mp.Process
	killLoop(t, 2*time.Millisecond, func() *mp.Process {
		victim = relaunch(t, standBy.With(b))
		return victim
	}, func() {
		require.NoError(t, b.Queue.Put(bounded(t), 1))
		require.NoError(t, there.Send(bounded(t), 1))
	}, func(round int) {
		assert.Contains(t, waited(t, victim), victim)
		require.Equal(t, []mp.Waitable{b.Conn, b.Queue, victim}, waited(t, b.Conn, b.Queue, victim, b.Event), "round %d", round)
		got := inBackground(t, func() error { _, err := b.Queue.Get(bounded(t)); return err })
		require.NoError(t, got())
		require.NoError(t, b.Conn.Recv(bounded(t), new(int)))
		require.Empty(t, readyNow(t, b.Conn, b.Queue, b.Event))
	})
	settled(t, before)
}

// An item wakes one of those who wait for it. If that is one who does not take it, he
// has to pass it on; the others would find it only when they look for themselves, after
// 50 ms. A loaded machine is slow as well, but not most of the time.
func TestWaitPassesTheWakeUpOn(t *testing.T) {
	const rounds, prompt = 20, 20 * time.Millisecond
	recv, send := simplex(t)
	other, _ := pipePair(t)
	quick := 0
	for try := 0; quick < rounds/2 && try < 6; try++ {
		quick = 0
		for range rounds {
			began := make(chan struct{}, 2)
			seen := inBackground(t, func() error {
				began <- struct{}{}
				_, err := mp.Wait(bounded(t), recv, other)
				return err
			})
			<-began
			time.Sleep(3 * time.Millisecond) // so that it is asleep, before the one who takes
			var taken time.Time
			ended := inBackground(t, func() error {
				began <- struct{}{}
				_, err := mp.Recv[int](bounded(t), recv)
				taken = time.Now()
				return err
			})
			<-began
			time.Sleep(3 * time.Millisecond)
			sent := time.Now()
			require.NoError(t, send.Send(bounded(t), 1))
			require.NoError(t, ended())
			if taken.Sub(sent) < prompt {
				quick++
			}
			require.NoError(t, send.Send(bounded(t), 2)) // if it has been taken before it was seen
			require.NoError(t, seen())
			require.NoError(t, recv.Recv(bounded(t), new(int)))
		}
	}
	assert.GreaterOrEqual(t, quick, rounds/2, "of %d rounds", rounds)
}
