package mp

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"

	"github.com/multiproc/mp/internal/shmlist"
)

// At returns item i, from 0 on: an int64, float64, bool, string, []byte (a copy)
// or nil. A string need not be UTF-8: Python cuts those that do not fit when it makes
// a list. The errors are an index that is out of range, ErrClosed, and what another
// process has written that is no item.
func (l *ShareableList) At(i int) (item any, err error) {
	if l == nil || l.memory == nil {
		return nil, errNoMemory
	}
	if err := l.check("At", i); err != nil {
		return nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	err = l.access(func(mem []byte) (err error) {
		item, err = l.layout.Get(mem, i)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mp: ShareableList.At: %w", err)
	}
	return item, nil
}

// Set changes item i. What can be an item is said at NewShareableList. A string
// that needs more bytes than the item has place for is refused, and nothing is
// changed; the other errors are those of At.
func (l *ShareableList) Set(i int, v any) error {
	if l == nil || l.memory == nil {
		return errNoMemory
	}
	if err := l.check("Set", i); err != nil {
		return err
	}
	item, err := shmlist.Canonical(v)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		err = l.access(func(mem []byte) error { return l.layout.Set(mem, i, item) })
	}
	if err != nil {
		return fmt.Errorf("mp: ShareableList.Set: item %d: %w", i, err)
	}
	return nil
}

// All returns the items in their order. An error is the last: those of At.
func (l *ShareableList) All() iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		if l == nil || l.memory == nil {
			yield(nil, errNoMemory)
			return
		}
		for i := range l.Len() {
			item, err := l.At(i)
			if !yield(item, err) || err != nil {
				return
			}
		}
	}
}

// Count returns how many items are equal to v. Values of different types are not
// equal, except that it does not matter which kind of integer, or of float, v is.
// NaN is equal to nothing. Its errors are those of At, and a v that cannot be an
// item.
func (l *ShareableList) Count(v any) (n int, err error) {
	err = l.find(v, func(int) bool {
		n++
		return true
	})
	return n, err
}

// Index returns the index of the first item that is equal to v, as Count has it;
// -1 if there is none.
func (l *ShareableList) Index(v any) (index int, err error) {
	index = -1
	err = l.find(v, func(i int) bool {
		index = i
		return false
	})
	return index, err
}

// find calls found for the items that are equal to v, until it returns false.
func (l *ShareableList) find(v any, found func(i int) bool) error {
	want, err := shmlist.Canonical(v)
	if err != nil {
		return fmt.Errorf("mp: ShareableList: %w", err)
	}
	i := 0
	for item, err := range l.All() {
		if err != nil {
			return err
		}
		if shmlist.Equal(item, want) && !found(i) {
			break
		}
		i++
	}
	return nil
}

// check refuses an index that is out of range.
func (l *ShareableList) check(method string, i int) error {
	if i < 0 || i >= l.Len() {
		return fmt.Errorf("mp: ShareableList.%s: index %d out of range: the list has %d items", method, i, l.Len())
	}
	return nil
}

// access calls fn with the list's memory. If another process has truncated the
// block, it is an error instead of the end of this process.
func (l *ShareableList) access(fn func(mem []byte) error) (err error) {
	b := l.memory.block
	mem, ok := b.Pin()
	runtime.KeepAlive(l.memory) // from here on it is the pin that keeps the memory
	if !ok {
		return fmt.Errorf("%v %w", l, ErrClosed)
	}
	defer b.Unpin()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if _, fault := r.(interface{ Addr() uintptr }); fault {
			err = errors.New("the shared memory has been truncated by another process")
		} else if r != nil {
			panic(r)
		}
	}()
	return fn(mem)
}
