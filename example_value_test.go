//go:build linux

package mp_test

import (
	"context"
	"fmt"

	"github.com/multiproc/mp"
)

// ledgerPages is what the processes of ExampleLock share.
type ledgerPages struct {
	Lock  *mp.Lock
	Total *mp.RawValue[int] // whoever changes it has the lock
}

var book = mp.Action(func(_ context.Context, l ledgerPages) error {
	for range 100 {
		l.Lock.Lock()
		l.Total.Store(l.Total.Load() + 1)
		l.Lock.Unlock()
	}
	return nil
})

// A lock is passed to those who are to use it, and is then like a sync.Mutex.
func ExampleLock() {
	l := ledgerPages{mp.Must(mp.NewLock()), mp.Must(mp.NewRawValue(0))}
	defer l.Lock.Close()
	defer l.Total.Close()
	p, q := mp.NewProcess(book.With(l)), mp.NewProcess(book.With(l))
	if p.Start() != nil || q.Start() != nil {
		return
	}
	fmt.Println(p.Join(context.Background()), q.Join(context.Background()))
	fmt.Println(l.Total.Load(), l.Lock)
	// Output:
	// <nil> <nil>
	// 200 mp.Lock(free)
}

var crashWithLock = mp.Action(func(_ context.Context, l *mp.Lock) error {
	l.Lock()
	exitNow() // in the middle of something
	return nil
})

// The lock of a process that has died goes to the next one, which is told.
func ExampleLock_OwnerDied() {
	l := mp.Must(mp.NewLock())
	defer l.Close()
	p := mp.NewProcess(crashWithLock.With(l))
	if err := p.Start(); err != nil {
		fmt.Println(err)
		return
	}
	_ = p.Join(context.Background())
	l.Lock()
	if l.OwnerDied() {
		fmt.Println("what it protects has to be looked at")
		l.Repaired()
	}
	l.Unlock()
	fmt.Println(l.OwnerDied())
	// Output:
	// what it protects has to be looked at
	// false
}

// A goroutine that has a recursive lock can take it again.
func ExampleRLock() {
	l := mp.Must(mp.NewRLock())
	defer l.Close()
	l.Lock()
	fmt.Println(l.TryLock(), l)
	other := make(chan bool)
	go func() { other <- l.TryLock() }()
	fmt.Println(<-other)
	l.Unlock()
	l.Unlock()
	fmt.Println(l, l.Release())
	// Output:
	// true mp.RLock(held by this goroutine, 2 times)
	// false
	// mp.RLock(free) mp: RLock.Release: is not held by the calling goroutine
}

// A position is changed as a whole or not at all.
type position struct{ X, Y, Moves int }

var move = mp.Action(func(_ context.Context, v *mp.Value[position]) error {
	for range 100 {
		v.Update(func(p *position) {
			p.X++
			p.Y--
			p.Moves++
		})
	}
	return nil
})

// Processes change a struct that they share.
func ExampleValue() {
	v := mp.Must(mp.NewValue(position{X: 10}))
	defer v.Close()
	p, q := mp.NewProcess(move.With(v)), mp.NewProcess(move.With(v))
	if p.Start() != nil || q.Start() != nil {
		return
	}
	fmt.Println(p.Join(context.Background()), q.Join(context.Background()))
	fmt.Printf("%+v\n", v.Load())
	// Output:
	// <nil> <nil>
	// {X:210 Y:-200 Moves:200}
}

// What has a pointer in it means nothing to other processes.
func ExampleNewValue() {
	type person struct {
		Age  int
		Name string
	}
	_, err := mp.NewValue(person{27, "Ann"})
	fmt.Println(err)
	// Output:
	// mp: person.Name is a string, which has a pointer: shared memory holds only numbers, bools, arrays and structs of them; use a fixed array such as [32]byte
}

var doubleItems = mp.Action(func(_ context.Context, a *mp.Array[float64]) error {
	a.Update(func(items []float64) {
		for i := range items {
			items[i] *= 2
		}
	})
	return nil
})

// A child changes the items of its parent, which are not copied.
func ExampleArray() {
	a := mp.Must(mp.ArrayOf([]float64{1, 2.5, 4}))
	defer a.Close()
	if _, err := mp.Run(context.Background(), doubleItems.With(a)); err != nil {
		fmt.Println(err)
		return
	}
	a.Set(0, a.At(0)+1)
	a.View(func(items []float64) { fmt.Println(items) })
	// Output: [3 5 8]
}

var finish100 = mp.Action(func(_ context.Context, percent *mp.RawValue[int32]) error {
	percent.Store(100)
	return nil
})

// One process tells, and others look: small values need no lock.
func ExampleRawValue() {
	percent := mp.Must(mp.NewRawValue[int32](0))
	defer percent.Close()
	if _, err := mp.Run(context.Background(), finish100.With(percent)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(percent)
	// Output: mp.RawValue[int32](100)
}

// A band is the items of an array that are one process's own.
type band struct {
	Pixels   *mp.RawArray[byte]
	From, To int
}

var paint = mp.Action(func(_ context.Context, b band) error {
	pixels, release := b.Pixels.Slice()
	defer release()
	for i := b.From; i < b.To; i++ {
		pixels[i] = byte(i)
	}
	return nil
})

// Who works on items of its own needs no lock.
func ExampleRawArray() {
	pixels := mp.Must(mp.NewRawArray[byte](8))
	defer pixels.Close()
	for from := 0; from < 8; from += 4 {
		if _, err := mp.Run(context.Background(), paint.With(band{pixels, from, from + 4})); err != nil {
			fmt.Println(err)
			return
		}
	}
	items, release := pixels.Slice()
	fmt.Println(items)
	release()
	// Output: [0 1 2 3 4 5 6 7]
}

// vault is two values that are changed together.
type vault struct{ Gold, Silver *mp.Value[int] }

var exchange = mp.Action(func(_ context.Context, v vault) error {
	v.Gold.Lock() // which is Silver's lock as well
	defer v.Gold.Unlock()
	v.Gold.Update(func(n *int) { *n-- })
	v.Silver.Update(func(n *int) { *n += 80 })
	return nil
})

// Values that are changed together have one lock.
func ExampleWithLock() {
	l := mp.Must(mp.NewRLock())
	defer l.Close()
	v := vault{mp.Must(mp.NewValue(10, mp.WithLock(l))), mp.Must(mp.NewValue(0, mp.WithLock(l)))}
	defer v.Gold.Close()
	defer v.Silver.Close()
	if _, err := mp.Run(context.Background(), exchange.With(v)); err != nil {
		fmt.Println(err)
		return
	}
	l.Lock()
	fmt.Println(v.Gold.Load(), v.Silver.Load())
	l.Unlock()
	// Output: 9 80
}
