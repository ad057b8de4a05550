package mp

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/sys"
)

// An onWord is a watch of something in shared memory.
type onWord interface {
	watch
	// listen returns a word that changes, or is woken, when it becomes ready after that.
	listen() shm.Word
	inArena() *shm.Arena
}

// An onChannel is a watch of something in this process.
type onChannel interface {
	watch
	// listen returns a channel that is closed when it is ready.
	listen() <-chan struct{}
}

// An onFile is a watch of a descriptor.
type onFile interface {
	watch
	descriptor() syscall.RawConn
}

const (
	// recheck is how soon is seen what nobody tells: that a file has been closed, or that
	// a process was killed before it could wake this one. It is for recheckSize things;
	// to look at more takes as much longer.
	recheck     = 50 * time.Millisecond
	recheckSize = 256
	// long is until somebody tells.
	long = time.Hour
)

// A sleeping is how to sleep until one of several watches may be ready.
type sleeping struct {
	inMemory  []onWord
	words     []shm.Word
	files     []onFile
	readiness *sys.Readiness // of the files; nil: there are none
	channels  []onChannel
	failed    error // of readiness
}

func newSleeping(watches []watch) (*sleeping, error) {
	s := new(sleeping)
	for _, w := range watches {
		switch w := w.(type) {
		case onWord:
			s.inMemory = append(s.inMemory, w)
		case onFile:
			s.files = append(s.files, w)
		case onChannel:
			s.channels = append(s.channels, w)
		}
	}
	s.words = make([]shm.Word, len(s.inMemory))
	if len(s.files) == 0 {
		return s, nil
	}
	var err error
	if s.readiness, err = sys.NewReadiness(); err != nil {
		return nil, err
	}
	for _, f := range s.files {
		closed := f.descriptor().Control(func(fd uintptr) { err = s.readiness.Add(fd) })
		if closed == nil && err != nil && !errors.Is(err, syscall.EPERM) {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// listen has the sleep end when something becomes ready from now on.
func (s *sleeping) listen() {
	for i, w := range s.inMemory {
		s.words[i] = w.listen()
	}
}

// A way is how to sleep until something that is awaited in the same way may be ready, or
// ctx ends. After limit, and again and again, it looks for what nobody tells.
type way func(ctx context.Context, limit time.Duration)

// ways are how to sleep: on what is in shared memory many together, on all files
// together, and on each channel.
func (s *sleeping) ways() (all []way) {
	for words := range slices.Chunk(s.words, shm.WordsTogether) {
		all = append(all, func(ctx context.Context, limit time.Duration) { s.onWords(ctx, words, limit) })
	}
	if s.readiness != nil {
		all = append(all, s.onFiles)
	}
	for _, c := range s.channels {
		ready := c.listen()
		all = append(all, func(ctx context.Context, _ time.Duration) {
			select {
			case <-ready:
			case <-ctx.Done():
			}
		})
	}
	return all
}

// sleep waits until it is worth to look again: something may be ready, or closed, or
// ctx has ended.
func (s *sleeping) sleep(ctx context.Context) error {
	ways := s.ways()
	soon := recheck * time.Duration(1+(len(s.inMemory)+len(s.files))/recheckSize)
	if len(ways) == 1 {
		ways[0](ctx, soon)
		return s.failed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	for i, way := range ways {
		limit := long
		if i == 0 {
			limit = soon // one who looks is enough
		}
		all.Go(func() {
			defer cancel()
			way(ctx, limit)
		})
	}
	all.Wait()
	return s.failed
}

func (s *sleeping) onWords(ctx context.Context, words []shm.Word, limit time.Duration) {
	arena := s.inMemory[0].inArena()
	for arena.WaitAny(ctx, words, limit) && ctx.Err() == nil && !s.untold() {
	}
}

func (s *sleeping) onFiles(ctx context.Context, limit time.Duration) {
	for {
		ready, err := s.readiness.Wait(ctx, limit)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.failed = err
			return
		case ready || s.untold():
			return
		}
	}
}

// untold says whether something in memory is ready, or has been closed, or a file has,
// and nobody has told; or whether a message has been read together with the one that
// somebody else has received, so that the file will not tell of it.
func (s *sleeping) untold() bool {
	for _, w := range s.inMemory {
		if ready, err := w.ready(); ready || err != nil {
			return true
		}
	}
	for _, f := range s.files {
		if f.descriptor().Control(func(uintptr) {}) != nil {
			return true
		}
		if w, ok := f.(socketWatch); ok && w.c.readAhead() {
			return true
		}
	}
	return false
}

func (s *sleeping) close() {
	if s.readiness != nil {
		_ = s.readiness.Close()
	}
}
