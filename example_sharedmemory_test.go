//go:build linux

package mp_test

import (
	"context"
	"fmt"

	"github.com/multiproc/mp"
)

var upper = mp.Action(func(_ context.Context, s *mp.SharedMemory) error {
	defer s.Close()
	mem, release := s.Bytes()
	defer release()
	for i, c := range mem {
		if 'a' <= c && c <= 'z' {
			mem[i] = c - 'a' + 'A'
		}
	}
	return nil
})

// A block of memory that a child changes in place: nothing is copied.
func ExampleCreateSharedMemory() {
	s, err := mp.CreateSharedMemory("", 5, mp.AutoUnlink())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	defer s.Unlink()
	mem, release := s.Bytes()
	defer release()
	copy(mem, "howdy")
	_, err = mp.Run(context.Background(), upper.With(s))
	fmt.Println(string(mem), err)
	// Output: HOWDY <nil>
}

// Any program on the machine can open a block by its name, in Python with
// SharedMemory("mp-example").
func ExampleOpenSharedMemory() {
	s, err := mp.CreateSharedMemory("mp-example", 100, mp.AutoUnlink())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	defer s.Unlink()

	again, err := mp.OpenSharedMemory("mp-example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer again.Close()
	fmt.Println(again)
	// Output: SharedMemory("mp-example", 100 bytes)
}

var increment = mp.Action(func(_ context.Context, l *mp.ShareableList) error {
	defer l.Close()
	n, err := l.At(0)
	if err != nil {
		return err
	}
	return l.Set(0, n.(int64)+1)
})

// A list that other processes read and change, also those in Python:
// ShareableList(name=l.Name()).
func ExampleShareableList() {
	l, err := mp.NewShareableList("", []any{41, "text", 2.5, nil}, mp.AutoUnlink())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	defer l.Unlink()
	if _, err := mp.Run(context.Background(), increment.With(l)); err != nil {
		fmt.Println(err)
		return
	}
	for item, err := range l.All() {
		fmt.Printf("%T %v %v\n", item, item, err)
	}
	fmt.Println(l.Set(0, "too long"), l.Set(0, "much too long"))
	// Output:
	// int64 42 <nil>
	// string text <nil>
	// float64 2.5 <nil>
	// <nil> <nil> <nil>
	// <nil> mp: ShareableList.Set: item 0: 13 bytes into a slot of 8: does not fit
}
