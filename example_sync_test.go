//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/multiproc/mp"
)

// runners is what the processes of ExampleEvent share.
type runners struct {
	Gun  *mp.Event
	Home *mp.Semaphore
}

var run = mp.Action(func(ctx context.Context, r runners) error {
	if err := r.Gun.Wait(ctx); err != nil {
		return err
	}
	return r.Home.Release()
})

// All wait for one.
func ExampleEvent() {
	r := runners{mp.Must(mp.NewEvent()), mp.Must(mp.NewSemaphore(0))}
	defer r.Gun.Close()
	defer r.Home.Close()
	for range 3 {
		if err := mp.NewProcess(run.With(r)).Start(); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(r.Gun, r.Home)
	r.Gun.Set()
	for range 3 {
		_ = r.Home.Acquire(context.Background())
	}
	fmt.Println("all home")
	// Output:
	// mp.Event(unset) mp.Semaphore(0)
	// all home
}

var bake = mp.Action(func(_ context.Context, cakes *mp.Semaphore) error {
	for range 3 {
		if err := cakes.Release(); err != nil {
			return err
		}
	}
	return nil
})

// One process signals as often as there is something, and another one waits for it.
func ExampleSemaphore() {
	cakes := mp.Must(mp.NewSemaphore(0))
	defer cakes.Close()
	p := mp.NewProcess(bake.With(cakes))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	for i := range 3 {
		fmt.Println("cake", i, cakes.Acquire(context.Background()))
	}
	fmt.Println(cakes.TryAcquire(), p.Join(context.Background()))
	// Output:
	// cake 0 <nil>
	// cake 1 <nil>
	// cake 2 <nil>
	// false <nil>
}

var crashWithPermit = mp.Action(func(ctx context.Context, seats *mp.BoundedSemaphore) error {
	if err := seats.Acquire(ctx); err != nil {
		return err
	}
	exitNow() // and does not release it
	return nil
})

// The permit of a process that has crashed comes back.
func ExampleBoundedSemaphore() {
	seats := mp.Must(mp.NewBoundedSemaphore(1))
	defer seats.Close()
	p := mp.NewProcess(crashWithPermit.With(seats))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Join(context.Background()) != nil)
	fmt.Println(seats.Acquire(context.Background()))
	fmt.Println(seats.Release())
	fmt.Println(errors.Is(seats.Release(), mp.ErrReleasedTooOften))
	// Output:
	// true
	// <nil>
	// <nil>
	// true
}

// account is money that processes take as soon as there is enough.
type account struct {
	Changed *mp.Cond
	Balance *mp.Value[int]
}

var withdraw = mp.Action(func(ctx context.Context, a account) error {
	a.Changed.Lock()
	defer a.Changed.Unlock()
	if err := a.Changed.WaitFor(ctx, func() bool { return a.Balance.Load() >= 100 }); err != nil {
		return err
	}
	a.Balance.Update(func(b *int) { *b -= 100 })
	return nil
})

// A process waits for a value to be what it needs.
func ExampleCond() {
	changed := mp.Must(mp.NewCond(nil))
	defer changed.Close()
	balance := mp.Must(mp.NewValue(0, mp.WithLock(changed)))
	defer balance.Close()
	p := mp.NewProcess(withdraw.With(account{changed, balance}))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	for range 5 {
		changed.Lock()
		balance.Update(func(b *int) { *b += 30 })
		_ = changed.NotifyAll()
		changed.Unlock()
	}
	fmt.Println(p.Join(context.Background()), balance.Load())
	// Output: <nil> 50
}

// The lock is held again when a wait ends, also by its time limit.
func ExampleCond_Wait() {
	c := mp.Must(mp.NewCond(nil))
	defer c.Close()
	c.Lock()
	defer c.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := c.Wait(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded), errors.Is(err, mp.ErrTimeout))
	// Output: true true
}

// phases is what the processes of ExampleBarrier share.
type phases struct {
	Barrier *mp.Barrier
	Sum     *mp.Value[int]
}

var (
	report = mp.Action(func(_ context.Context, sum *mp.Value[int]) error {
		_, err := fmt.Println("all are here, the sum is", sum.Load())
		return err
	})
	addPhases = mp.Action(func(ctx context.Context, p phases) error {
		for phase := range 3 {
			p.Sum.Update(func(sum *int) { *sum += phase })
			if _, err := p.Barrier.Wait(ctx); err != nil {
				return err
			}
		}
		return nil
	})
)

// Nobody begins a phase before all have ended the one before. The action is run by
// one of them in between.
func ExampleBarrier() {
	const n = 4
	sum := mp.Must(mp.NewValue(0))
	defer sum.Close()
	barrier := mp.Must(mp.NewBarrier(n, report.With(sum)))
	defer barrier.Close()
	var processes []*mp.Process
	for range n {
		p := mp.NewProcess(addPhases.With(phases{barrier, sum}))
		if err := p.Start(); err != nil {
			fmt.Println(err)
			return
		}
		processes = append(processes, p)
	}
	for _, p := range processes {
		if err := p.Join(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// all are here, the sum is 0
	// all are here, the sum is 4
	// all are here, the sum is 12
}
