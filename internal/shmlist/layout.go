package shmlist

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	word   = 8
	unit   = 8       // slots are multiples of it
	format = 8       // bytes of a format
	most   = 9999992 // the largest slot whose size seven digits can say
)

// ErrMalformed says that what is in the memory is not such a list.
var ErrMalformed = errors.New("not a ShareableList")

// A Layout is where the parts of a list are. It does not change.
type Layout struct {
	offsets []int // of the slots, and the end of the last
	data    int   // where the slots begin
	formats int
	codes   int
}

func newLayout(offsets []int) *Layout {
	n := len(offsets) - 1
	l := &Layout{offsets: offsets, data: word * (n + 2)}
	l.formats = l.data + offsets[n]
	l.codes = l.formats + format*n
	return l
}

// Plan returns the layout of a new list. The items must be Canonical.
func Plan(items []any) (*Layout, error) {
	offsets := make([]int, 1, len(items)+1)
	end := 0
	for i, item := range items {
		size := unit
		switch v := item.(type) {
		case string:
			size = unit * (len(v)/unit + 1)
		case []byte:
			size = unit * (len(v)/unit + 1)
		}
		if size > most {
			return nil, fmt.Errorf("item %d: a string of %d bytes or more does not fit into a ShareableList", i, most)
		}
		end += size
		offsets = append(offsets, end)
	}
	return newLayout(offsets), nil
}

// Read returns the layout of a list that is there.
func Read(mem []byte) (*Layout, error) {
	if len(mem) < 2*word {
		return nil, fmt.Errorf("%d bytes: %w", len(mem), ErrMalformed)
	}
	count := binary.NativeEndian.Uint64(mem)
	// For each item there are at least an offset, a slot, a format and a code.
	if count > uint64(len(mem)-2*word)/(word+unit+format+1) {
		return nil, fmt.Errorf("%d items in %d bytes: %w", count, len(mem), ErrMalformed)
	}
	n := int(count)
	offsets := make([]int, n+1)
	for i := range offsets {
		offset := binary.NativeEndian.Uint64(mem[word*(i+1):])
		if i == 0 && offset != 0 {
			return nil, fmt.Errorf("slots begin at %d (CPython up to 3.8 has another layout): %w", offset, ErrMalformed)
		}
		if offset > uint64(len(mem)) || offset%unit != 0 || i > 0 && int(offset) <= offsets[i-1] {
			return nil, fmt.Errorf("slot %d is at %d: %w", i, offset, ErrMalformed)
		}
		offsets[i] = int(offset)
	}
	l := newLayout(offsets)
	if l.Size() > len(mem) {
		return nil, fmt.Errorf("%d bytes of a list in %d: %w", l.Size(), len(mem), ErrMalformed)
	}
	return l, nil
}

// Len returns how many items there are.
func (l *Layout) Len() int { return len(l.offsets) - 1 }

// Size returns how many bytes the list takes.
func (l *Layout) Size() int { return l.codes + l.Len() }

// Write makes a list in zeroed memory of Size bytes. The items must be those of
// Plan.
func (l *Layout) Write(mem []byte, items []any) error {
	binary.NativeEndian.PutUint64(mem, uint64(l.Len()))
	for i, offset := range l.offsets {
		binary.NativeEndian.PutUint64(mem[word*(i+1):], uint64(offset))
	}
	for i, item := range items {
		if err := l.Set(mem, i, item); err != nil {
			return err
		}
	}
	return nil
}

// slot returns the memory of an item.
func (l *Layout) slot(mem []byte, i int) []byte {
	return mem[l.data+l.offsets[i] : l.data+l.offsets[i+1] : l.data+l.offsets[i+1]]
}

// form returns the memory of an item's format.
func (l *Layout) form(mem []byte, i int) []byte {
	at := l.formats + format*i
	return mem[at : at+format : at+format]
}
