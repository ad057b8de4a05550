package fdstore

import (
	"sync"
	"time"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/sys"
)

const (
	// sweepEvery is how often a store looks for objects that are no more.
	sweepEvery = 250 * time.Millisecond
	// linger is how long it stays when it holds nothing and nobody asks.
	linger = time.Second
	// fewest is how many descriptors it holds at least before it looks more often.
	fewest = 64
)

// A store is what the process of that name holds.
type store struct {
	arena *shm.Arena
	room  int // how many descriptors

	mu      sync.Mutex
	held    map[shm.Ref]int
	many    int       // descriptors at which it looks for some to close
	asked   time.Time // when the last request came
	leaving bool      // nothing is answered any more
}

func newStore(a *shm.Arena, room int) *store {
	return &store{arena: a, room: room, held: make(map[shm.Ref]int), many: fewest, asked: time.Now()}
}

// put takes ownership of fd. answered is false when the store is leaving, so that
// whoever asks must hear nothing.
func (s *store) put(r shm.Ref, fd int) (status uint32, answered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.leaving:
		sys.CloseDescriptor(fd)
		return 0, false
	case r.Kind != Kind || !s.arena.Exists(r):
		sys.CloseDescriptor(fd)
		return statusGone, true
	}
	s.asked = time.Now()
	if before, twice := s.held[r]; twice { // its sender has not had the answer
		sys.CloseDescriptor(before)
		delete(s.held, r)
	}
	if len(s.held) >= min(s.many, s.room) {
		s.sweepLocked()
		s.many = max(2*len(s.held), fewest)
	}
	if len(s.held) >= s.room {
		sys.CloseDescriptor(fd)
		return statusFull, true
	}
	s.held[r] = fd
	return statusDone, true
}

// get calls send with the descriptor of an object, which is not closed meanwhile, or
// with -1.
func (s *store) get(r shm.Ref, send func(status uint32, fd int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving {
		return
	}
	s.asked = time.Now()
	if fd, ok := s.held[r]; ok {
		send(statusDone, fd)
		return
	}
	send(statusGone, -1)
}

// sweep closes the descriptors whose objects are no more.
func (s *store) sweep() {
	s.arena.Reap()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked()
}

func (s *store) sweepLocked() {
	var gone []int
	for r, fd := range s.held {
		if !s.arena.Exists(r) {
			gone = append(gone, fd)
			delete(s.held, r)
		}
	}
	if len(gone) > 0 {
		// To close the last descriptor of something can take long, and whoever asks does
		// not wait for that.
		go func() {
			for _, fd := range gone {
				sys.CloseDescriptor(fd)
			}
		}()
	}
}

// leave says that the store holds nothing, and has not been asked for a while. From
// then on it answers nothing.
func (s *store) leave() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = len(s.held) == 0 && time.Since(s.asked) >= linger
	return s.leaving
}
