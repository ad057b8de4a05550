//go:build linux

package fifo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
)

// A tally notes what consumers have got.
type tally struct {
	mu   sync.Mutex
	seen map[[2]uint32]bool
}

// consume takes until the queue ends, and notes it all. The messages of each sender
// have to come in their order.
func (c *tally) consume(ctx context.Context, q *Queue) error {
	last := make(map[uint32]uint32)
	var item Item
	for {
		err := q.Take(ctx, &item)
		if errors.Is(err, ErrShut) {
			return nil
		}
		if err != nil {
			return err
		}
		p, err := item.Payload()
		if err != nil {
			return err
		}
		sender, number, err := content(p)
		if err != nil {
			return err
		}
		item.Drop()
		if number < last[sender] {
			return fmt.Errorf("message %d of %d comes behind %d", number, sender, last[sender])
		}
		last[sender] = number
		c.mu.Lock()
		twice := c.seen[[2]uint32{sender, number}]
		c.seen[[2]uint32{sender, number}] = true
		c.mu.Unlock()
		if twice {
			return fmt.Errorf("message %d of %d comes twice", number, sender)
		}
	}
}

// Many put and many take: each message arrives once, whole and in order, whatever
// the capacity.
func TestManyGoroutines(t *testing.T) {
	rng := random(t)
	before := used(t)
	each := uint32(500)
	if testing.Short() || raceEnabled {
		each = 100
	}
	for _, c := range []Config{{}, {Capacity: 1}, {Capacity: 2}, {Capacity: 100}, {Capacity: 1000, Bytes: 100 << 10}} {
		q, h := queue(t, c)
		ctx := bounded(t)
		const senders, takers = 8, 8
		all := tally{seen: make(map[[2]uint32]bool)}
		var putting, taking sync.WaitGroup
		for sender := range uint32(senders) {
			mine := rand.New(rand.NewPCG(rng.Uint64(), 0))
			putting.Go(func() {
				for number := range each {
					if err := q.Put(ctx, Message{Head: message(sender, number, size(mine))}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range takers {
			taking.Go(func() {
				if err := all.consume(ctx, q); err != nil {
					t.Error(err)
				}
			})
		}
		putting.Wait()
		require.NoError(t, q.Shutdown(false))
		taking.Wait()
		assert.Len(t, all.seen, senders*int(each), "%+v", c)
		assert.Zero(t, q.Len())
		require.NoError(t, h.Close())
		before.same(t)
	}
}

// What has been put when the queue is shut down is taken by somebody, and nothing
// else: the end comes behind the last item.
func TestShutdownLosesNothing(t *testing.T) {
	rng := random(t)
	rounds := 150
	if testing.Short() || raceEnabled {
		rounds = 50
	}
	slowest := time.Duration(0)
	defer func() { t.Logf("the slowest Shutdown took %v", slowest) }()
	for range rounds {
		c := Config{Capacity: rng.IntN(4)}
		if rng.IntN(10) > 0 {
			c.Capacity++ // without a bound there is much to be drained
		}
		q, h := queue(t, c)
		ctx := bounded(t)
		all := tally{seen: make(map[[2]uint32]bool)}
		var put atomic.Int64
		var wg sync.WaitGroup
		for sender := range uint32(2) {
			wg.Go(func() {
				for number := uint32(0); ; number++ {
					err := q.Put(ctx, Message{Head: message(sender, number, 16)})
					if errors.Is(err, ErrShut) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
					put.Add(1)
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				if err := all.consume(ctx, q); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Duration(rng.IntN(100)) * time.Microsecond) // the moment is what varies
		began := time.Now()
		require.NoError(t, q.Shutdown(false))
		slowest = max(slowest, time.Since(began))
		wg.Wait()
		require.Len(t, all.seen, int(put.Load()))
		require.Zero(t, q.Len())
		require.NoError(t, h.Close())
	}
}

// An immediate shutdown at any moment leaves an empty queue that is done with, and
// nothing of what was in it.
func TestImmediateShutdown(t *testing.T) {
	rng := random(t)
	before := used(t)
	for range 200 {
		q, h := queue(t, Config{Capacity: rng.IntN(3) * 10, Joinable: true})
		ctx := bounded(t)
		var wg sync.WaitGroup
		ended := func(err error) bool {
			if err != nil && !errors.Is(err, ErrShut) {
				t.Error(err)
			}
			return err != nil
		}
		for sender := range uint32(2) {
			mine := rand.New(rand.NewPCG(rng.Uint64(), 0))
			wg.Go(func() {
				for number := uint32(0); !ended(q.Put(ctx, Message{Head: message(sender, number, size(mine))})); number++ {
				}
			})
		}
		wg.Go(func() {
			for {
				item, err := take(q, ctx, nil)
				if ended(err) {
					return
				}
				item.Drop()
				ended(q.Done())
			}
		})
		time.Sleep(time.Duration(rng.IntN(300)) * time.Microsecond)
		require.NoError(t, q.Shutdown(true))
		wg.Wait()
		assert.Zero(t, q.Len())
		assert.NoError(t, q.Join(ctx))
		_, err := tryTake(q)
		assert.ErrorIs(t, err, ErrShut)
		assert.ErrorIs(t, q.TryPut(Message{}), ErrShut)
		assert.ErrorIs(t, q.Done(), ErrNotTaken)
		require.NoError(t, h.Close())
		before.same(t)
	}
}

// Two put at the same moment while two sleep: both are woken.
func TestNoWakeUpIsLost(t *testing.T) {
	q, h := queue(t, Config{})
	defer h.Close()
	ctx := bounded(t)
	slow := 0
	const rounds = 300
	for range rounds {
		var takers, putters sync.WaitGroup
		for range 2 {
			takers.Go(func() {
				item, err := take(q, ctx, nil)
				if err != nil {
					t.Error(err)
				}
				item.Drop()
			})
		}
		sleeps(t, q.takers)
		began := time.Now()
		for range 2 {
			putters.Go(func() {
				if err := q.Put(ctx, Message{}); err != nil {
					t.Error(err)
				}
			})
		}
		putters.Wait()
		takers.Wait()
		if time.Since(began) > 30*time.Millisecond {
			slow++
		}
	}
	t.Logf("%d of %d rounds waited for the 50 ms", slow, rounds)
	assert.Less(t, slow, rounds/5)
}

// Who sleeps wakes up when the queue is shut down, when the handle is closed, and
// when its context ends; nothing has changed then.
func TestWaitersWakeUp(t *testing.T) {
	for name, end := range map[string]struct {
		do  func(q *Queue, h *holder, cancel func())
		err error
	}{
		"shutdown":  {func(q *Queue, _ *holder, _ func()) { assert.NoError(t, q.Shutdown(false)) }, ErrShut},
		"immediate": {func(q *Queue, _ *holder, _ func()) { assert.NoError(t, q.Shutdown(true)) }, ErrShut},
		"cancel":    {func(_ *Queue, _ *holder, cancel func()) { cancel() }, context.Canceled},
		"close":     {func(_ *Queue, h *holder, _ func()) { assert.NoError(t, h.Close()) }, shm.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			before := used(t)
			empty, emptyHandle := queue(t, Config{})
			full, fullHandle := queue(t, Config{Capacity: 1, Joinable: true})
			require.NoError(t, full.Put(t.Context(), Message{}))
			ctx, cancel := context.WithCancel(bounded(t))
			defer cancel()
			var wg sync.WaitGroup
			errs := make(chan error, 6)
			for range 2 {
				wg.Go(func() { _, err := take(empty, ctx, nil); errs <- err })
				wg.Go(func() { errs <- full.Put(ctx, Message{Head: make([]byte, inline+1)}) })
			}
			sleeps(t, empty.takers)
			sleeps(t, full.putters)
			end.do(empty, emptyHandle, cancel)
			end.do(full, fullHandle, cancel)
			wg.Wait()
			close(errs)
			for err := range errs {
				assert.ErrorIs(t, err, end.err)
			}
			if name == "cancel" {
				assert.Equal(t, 1, full.Len())
				require.NoError(t, empty.Put(t.Context(), Message{Head: []byte("x")}))
				assert.Equal(t, "x", string(received(t, empty)))
			}
			require.NoError(t, emptyHandle.Close())
			require.NoError(t, fullHandle.Close())
			before.same(t)
		})
	}
}

// One who joins wakes up when all are done with, and not before.
func TestJoin(t *testing.T) {
	q, h := queue(t, Config{Joinable: true})
	defer h.Close()
	require.NoError(t, q.Join(bounded(t)), "there was nothing")
	for i := range 10 {
		require.NoError(t, q.Put(t.Context(), Message{Head: message(1, uint32(i), 16+i*1000)}))
	}
	joined := make(chan error, 2)
	for range 2 {
		go func() { joined <- q.Join(bounded(t)) }()
	}
	for range 9 {
		received(t, q)
		require.NoError(t, q.Done())
	}
	received(t, q)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, q.Join(ctx), context.DeadlineExceeded)
	require.Empty(t, joined)
	require.NoError(t, q.Done())
	require.NoError(t, <-joined)
	require.NoError(t, <-joined)
}

// Len is exact when nobody is at it, and never nonsense.
func TestLen(t *testing.T) {
	q, h := queue(t, Config{Capacity: 10})
	defer h.Close()
	ctx := bounded(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if n := q.Len(); n < 0 || n > 10 {
					t.Errorf("a length of %d", n)
				}
			}
		}
	})
	for n := range 11 {
		assert.Equal(t, n%11, q.Len())
		if n < 10 {
			require.NoError(t, q.Put(ctx, Message{}))
		}
	}
	for n := 10; n > 0; n-- {
		assert.Equal(t, n, q.Len())
		received(t, q)
	}
	var both sync.WaitGroup
	both.Go(func() {
		for range 20000 {
			_ = q.Put(ctx, Message{})
		}
	})
	for range 20000 {
		if _, err := take(q, ctx, nil); err != nil {
			require.NoError(t, err)
		}
	}
	both.Wait()
	assert.Zero(t, q.Len())
	close(stop)
	wg.Wait()
}
