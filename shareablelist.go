package mp

import (
	"fmt"
	"sync"

	"github.com/multiproc/mp/internal/shmlist"
)

// A ShareableList is a list of fixed length in named shared memory, which programs
// in Go and in Python read and change: its layout is that of ShareableList in
// CPython 3.9 and later. An item is an int64, float64, bool, string, []byte or nil;
// Python calls them int, float, bool, str, bytes and None. An item can be changed to
// one of another type, but keeps its place in memory, whose size is fixed when the
// list is made: 8 bytes, or for a string the next multiple of 8 above its length in
// bytes.
//
// All methods can be used from any goroutine, and each At and Set of one handle is
// a single step. Between processes, and between two handles, nothing orders them: a
// reader can find a string half written, or get an error because type and value are
// not of the same time. Use a Lock for lists that change.
//
// What is said of SharedMemory about names, unlinking, the death of processes and
// travelling holds for the list as well. Make handles with NewShareableList and
// OpenShareableList; nil and the zero value are refused.
type ShareableList struct {
	memory *SharedMemory
	layout *shmlist.Layout

	mu sync.RWMutex // orders access through this handle, and its Close
}

// NewShareableList makes a list of the items in a new block of that name; "" means
// a new name. Integers of every kind become int64, float32 becomes float64, and
// named types what they are made of. Refused are other types, integers beyond the
// range of int64, strings that are not UTF-8, and strings and byte slices that end
// in a NUL byte, which the layout cannot keep, or have 9999992 bytes or more. No
// items make a list that stays empty. The other errors, and the options, are those
// of CreateSharedMemory.
func NewShareableList(name string, items []any, opts ...SharedMemoryOption) (*ShareableList, error) {
	const caller = "mp: NewShareableList"
	canonical := make([]any, len(items))
	for i, item := range items {
		v, err := shmlist.Canonical(item)
		if err != nil {
			return nil, fmt.Errorf("%s: item %d: %w", caller, i, err)
		}
		canonical[i] = v
	}
	layout, err := shmlist.Plan(canonical)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caller, err)
	}
	fill := func(mem []byte) error { return layout.Write(mem, canonical) }
	s, err := createSharedMemory(caller, name, int64(layout.Size()), fill, opts)
	if err != nil {
		return nil, err
	}
	return &ShareableList{memory: s, layout: layout}, nil
}

// OpenShareableList opens the list in the block of that name. A block that is no
// such list is an error; the others are those of OpenSharedMemory.
func OpenShareableList(name string) (*ShareableList, error) {
	const caller = "mp: OpenShareableList"
	s, err := openSharedMemory(caller, name)
	if err != nil {
		return nil, err
	}
	l, err := newShareableList(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caller, err)
	}
	return l, nil
}

// newShareableList makes the handle of a list from that of its block, which it
// owns.
func newShareableList(s *SharedMemory) (*ShareableList, error) {
	l := &ShareableList{memory: s}
	err := l.access(func(mem []byte) (err error) {
		l.layout, err = shmlist.Read(mem)
		return err
	})
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return l, nil
}

// Copy makes a new list with the items that this one has now, in a block of that
// name; "" means a new name. The room of its strings is that of their present
// length. The errors are those of At and of NewShareableList.
func (l *ShareableList) Copy(name string, opts ...SharedMemoryOption) (*ShareableList, error) {
	items := make([]any, 0, l.Len())
	for item, err := range l.All() {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return NewShareableList(name, items, opts...)
}

// Len returns how many items the list has, which never changes; 0 for a nil
// handle.
func (l *ShareableList) Len() int {
	if l == nil || l.layout == nil {
		return 0
	}
	return l.layout.Len()
}

// Name returns the name of the block; "" for a nil handle.
func (l *ShareableList) Name() string {
	if l == nil {
		return ""
	}
	return l.memory.Name()
}

// Close gives back this process's handle; the list stays. A second Close does
// nothing. Afterwards the other methods return ErrClosed, but for Len, Name and
// Unlink.
func (l *ShareableList) Close() error {
	if l == nil || l.memory == nil {
		return errNoMemory
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.memory.Close()
}

// Unlink takes the name from the list's block. See SharedMemory.Unlink.
func (l *ShareableList) Unlink() error {
	if l == nil {
		return errNoMemory
	}
	return l.memory.Unlink()
}

// String returns the name and the number of items.
func (l *ShareableList) String() string {
	if l == nil || l.memory == nil {
		return "ShareableList(nil)"
	}
	return fmt.Sprintf("ShareableList(%q, %d items)", l.Name(), l.Len())
}
