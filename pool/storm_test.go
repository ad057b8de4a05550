//go:build linux

package pool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// markingText is marking with a result of any size.
var markingText = mp.Func(func(_ context.Context, m mark) (string, error) {
	if err := note(m.Path, strconv.Itoa(m.N)); err != nil {
		return "", err
	}
	time.Sleep(m.Work)
	return strconv.Itoa(m.N) + " " + strings.Repeat("x", m.N%5*1000), nil
})

// outcome is what came of an item.
type outcome struct {
	value int
	err   error
}

// A storm runs marked items in every form while workers are killed.
type storm struct {
	p    *pool.Pool
	path string
	next atomic.Int64
	stop atomic.Bool

	mu       sync.Mutex
	outcomes map[int][]outcome
}

// items returns n fresh ones.
func (s *storm) items(r *rand.Rand, n int) []mark {
	first := int(s.next.Add(int64(n))) - n
	list := make([]mark, n)
	for i := range list {
		list[i] = mark{Path: s.path, N: first + i}
		if r.IntN(4) == 0 {
			list[i].Work = time.Duration(r.IntN(1000)) * time.Microsecond
		}
	}
	return list
}

func (s *storm) note(item, value int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[item] = append(s.outcomes[item], outcome{value, err})
}

// round runs one call of a random form and notes the outcome of each item.
func (s *storm) round(r *rand.Rand) {
	ctx := context.Background()
	switch items := s.items(r, 1+r.IntN(60)); r.IntN(5) {
	case 0:
		fs := make([]*pool.Future[int], len(items))
		for i, m := range items {
			fs[i] = pool.Submit(ctx, s.p, marking.With(m))
		}
		for i, f := range fs {
			v, err := f.Get(ctx)
			s.note(items[i].N, v, err)
		}
	case 1:
		opts := []pool.Option{pool.KeepGoing()}
		if n := r.IntN(20); n > 0 {
			opts = append(opts, pool.ChunkSize(n))
		}
		values, err := pool.Map(ctx, s.p, marking, items, opts...)
		failed := make(map[int]error)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, err := range joined.Unwrap() {
				var item *pool.TaskError
				if errors.As(err, &item) {
					failed[item.Index] = item.Err
				}
			}
		}
		for i, v := range values {
			s.note(items[i].N, v, failed[i])
		}
	case 2:
		for v, err := range pool.ImapUnordered(ctx, s.p, markingText, slices.Values(items), pool.ChunkSize(1+r.IntN(30)), pool.Timeout(time.Hour)) {
			var item *pool.TaskError
			if errors.As(err, &item) {
				s.note(items[item.Index].N, 0, item.Err)
				continue
			}
			n, _, _ := strings.Cut(v, " ")
			value, _ := strconv.Atoi(n)
			s.note(value, value, err)
		}
	case 3:
		i := 0
		for v, err := range pool.Imap(ctx, s.p, markingText, slices.Values(items)) {
			n, _, _ := strings.Cut(v, " ")
			value, _ := strconv.Atoi(n)
			s.note(items[i].N, value, err)
			i++
		}
	case 4:
		i := 0
		for v, err := range pool.Imap(ctx, s.p, marking, slices.Values(items)) {
			s.note(items[i].N, v, err)
			i++
		}
	}
}

// run keeps the pool busy from several goroutines while it kills n times.
func (s *storm) run(t *testing.T, n int) {
	t.Helper()
	s.path = filepath.Join(t.TempDir(), "ran")
	s.outcomes = make(map[int][]outcome)
	r := random(t)
	var wg sync.WaitGroup
	for range 4 {
		mine := rand.New(rand.NewPCG(r.Uint64(), 1))
		wg.Go(func() {
			for !s.stop.Load() {
				s.round(mine)
			}
		})
	}
	for killed := 0; killed < n; {
		if r.IntN(2) == 0 { // not only workers that have just been started
			until(t, "the pool recovers", func() bool { return s.p.Stats().Workers == 3 })
		}
		time.Sleep(time.Duration(r.IntN(4000)) * time.Microsecond)
		if pids := s.p.Workers(); len(pids) > 0 && syscall.Kill(pids[r.IntN(len(pids))], syscall.SIGKILL) == nil {
			killed++
		}
	}
	s.stop.Store(true)
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(bound):
		require.FailNow(t, "calls hang", "%+v", s.p.Stats())
	}
}
