package shmfile

import (
	"sync"

	"github.com/multiproc/mp/internal/sys"
)

// A Mapping is the memory of a block in this process, with the number of those
// who use it. It can be used by many goroutines at once.
type Mapping struct {
	mu      sync.Mutex
	mem     []byte // nil: closed
	pins    int
	dropped bool // nobody can close it any more: the last pin does
}

// Pin returns the memory, which stays until Unpin; false after Close.
func (m *Mapping) Pin() ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mem == nil {
		return nil, false
	}
	m.pins++
	return m.mem, true
}

// Unpin gives up what one Pin got.
func (m *Mapping) Unpin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pins--
	if m.pins == 0 && m.dropped {
		_ = m.unmap()
	}
}

// Close gives the memory back, unless it is pinned: then it returns how often, and
// changes nothing. A second Close does nothing.
func (m *Mapping) Close() (pins int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pins > 0 {
		return m.pins, nil
	}
	return 0, m.unmap()
}

// Drop is Close for a mapping whose handle nobody has any more. With pins it is
// the last Unpin that closes: a slice may live longer than the handle that it
// came from.
func (m *Mapping) Drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropped = true
	if m.pins == 0 {
		_ = m.unmap()
	}
}

// Closed says whether the memory has been given back.
func (m *Mapping) Closed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mem == nil
}

// unmap is called with mu held.
func (m *Mapping) unmap() error {
	if m.mem == nil {
		return nil
	}
	mem := m.mem
	m.mem = nil
	return sys.Unmap(mem)
}
