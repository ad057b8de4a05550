// Barrier shows multiprocessing.Barrier: processes that work in phases, none of
// which begins before everybody has ended the one before.
//
// In each phase a worker doubles its place of an array. The barrier's action shows
// the array between two phases, while all wait: it prints [2 2 2 2], [4 4 4 4] and
// [8 8 8 8]. Then one of the workers gives up, and the three others are told.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/multiproc/mp"
)

const (
	parties = 4
	phases  = 3
)

// job is the argument of a worker.
type job struct {
	Barrier *mp.Barrier
	Places  *mp.RawArray[int] // no lock: nobody changes the place of another one
	Mine    int
}

// show is the action: the last who comes runs it, before anybody is let through.
var show = mp.Action(func(_ context.Context, places *mp.RawArray[int]) error {
	items, release := places.Slice()
	defer release()
	fmt.Println("all are here:", items)
	return nil
})

var worker = mp.Action(func(ctx context.Context, j job) error {
	for range phases {
		j.Places.Set(j.Mine, 2*j.Places.At(j.Mine))
		if _, err := j.Barrier.Wait(ctx); err != nil { // the index says who of all this is
			return err
		}
	}
	if j.Mine == 0 {
		return j.Barrier.Abort() // so does the death of a process
	}
	_, err := j.Barrier.Wait(ctx)
	fmt.Println("the barrier is broken:", errors.Is(err, mp.ErrBrokenBarrier))
	return nil
})

func main() {
	mp.Main(func(ctx context.Context) error {
		places, err := mp.NewRawArray[int](parties)
		if err != nil {
			return err
		}
		defer places.Close()
		b, err := mp.NewBarrier(parties, show.With(places))
		if err != nil {
			return err
		}
		defer b.Close()
		var children []*mp.Process
		for i := range parties {
			places.Set(i, 1)
			p := mp.NewProcess(worker.With(job{b, places, i}))
			if err := p.Start(); err != nil {
				return err
			}
			children = append(children, p)
		}
		for _, p := range children {
			if err := p.Join(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
