//go:build linux

package shm

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Waiters look again every 50 ms whatever happens, which would hide lost wake-ups.
// They show in the time that it takes: promptly fails if half of the rounds take
// longer than chance would have it without wake-ups. A loaded machine is given
// several tries.
func promptly(t *testing.T, round func() time.Duration) {
	t.Helper()
	const rounds, tries, prompt = 24, 6, recheck / 4
	quick := 0
	for range tries {
		quick = 0
		for range rounds {
			if round() < prompt {
				quick++
			}
		}
		if quick >= rounds/2 {
			return
		}
		t.Logf("%d of %d rounds within %v", quick, rounds, prompt)
	}
	assert.Fail(t, "wake-ups are lost", "%d of %d rounds are prompt", quick, rounds)
}

// Lines of goroutines in several processes (here: mappings) pass a lock on.
func TestReleaseWakesTheNext(t *testing.T) {
	for name, release := range map[string]func(LockWord){
		"Release":    func(l LockWord) { l.Release() },
		"ReleaseOwn": LockWord.ReleaseOwn,
	} {
		t.Run(name, func(t *testing.T) {
			a := fresh(t)
			_, l := lockOf(t, a)
			o := only(t, a)
			var theirs []*Object
			for range 4 {
				x, err := another(t, a.file).Open(o.Ref())
				require.NoError(t, err)
				theirs = append(theirs, x)
			}
			promptly(t, func() time.Duration {
				_, err := l.Acquire(t.Context(), nil)
				require.NoError(t, err)
				var all sync.WaitGroup
				for _, x := range theirs {
					for range 2 {
						all.Go(func() {
							_, err := x.LockWord().Acquire(context.Background(), nil)
							assert.NoError(t, err)
							release(x.LockWord())
						})
					}
				}
				for _, x := range theirs {
					until(t, "all are asleep or behind one who is", func() bool { return x.arena.parking.lined(x.lock) == 2 })
				}
				began := time.Now()
				release(l)
				within(t, patience, "the next ones", all.Wait)
				return time.Since(began)
			})
			assert.Zero(t, atomic.LoadUint32(l.word)&ownerMask)
		})
	}
}

// lined counts who waits for a word: the one that sleeps, and those behind it.
func (p *parking) lined(word *uint32) int {
	s := p.shard(word)
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[word]
	if q == nil {
		return 0
	}
	n := 1
	for w := q.first; w != nil; w = w.next {
		n++
	}
	return n
}

// A waiter that leaves without the lock, when it is free, wakes another one.
func TestLeavingWaiterPassesOn(t *testing.T) {
	a := fresh(t)
	o, l := lockOf(t, a)
	b := another(t, a.file)
	theirs, err := b.Open(o.Ref())
	require.NoError(t, err)
	promptly(t, func() time.Duration {
		holder := impostor(t, a, 9)
		atomic.StoreUint32(l.word, holder.self)
		got := make(chan error)
		go func() {
			_, err := theirs.LockWord().Acquire(context.Background(), nil)
			got <- err
		}()
		until(t, "the other one sleeps", func() bool { return b.parking.sleepers.Load() == 1 })
		time.Sleep(time.Millisecond)
		began := time.Now()
		atomic.StoreUint32(l.word, waitersBit) // the wake-up for it has been another's
		l.passOn()
		within(t, patience, "the other one", func() { require.NoError(t, <-got) })
		took := time.Since(began)
		theirs.LockWord().ReleaseOwn()
		holder.die()
		a.Reap()
		return took
	})
}

// The settling of a dead process wakes those who wait for its locks, and for
// those whose wake-up it has had.
func TestSettlingWakes(t *testing.T) {
	a := fresh(t)
	o, l := lockOf(t, a)
	b := another(t, a.file)
	theirs, err := b.Open(o.Ref())
	require.NoError(t, err)
	for _, woken := range []bool{false, true} {
		promptly(t, func() time.Duration {
			dead := impostor(t, a, 9)
			_, err := dead.Open(o.Ref())
			require.NoError(t, err)
			atomic.StoreUint32(l.word, dead.self)
			got := make(chan error)
			go func() {
				_, err := theirs.LockWord().Acquire(context.Background(), nil)
				got <- err
			}()
			until(t, "the other one sleeps", func() bool { return b.parking.sleepers.Load() == 1 })
			time.Sleep(time.Millisecond)
			if woken {
				atomic.StoreUint32(l.word, waitersBit) // free, and the dead one was to take it
			}
			began := time.Now()
			dead.die()
			a.Reap()
			within(t, patience, "the other one", func() { require.NoError(t, <-got) })
			took := time.Since(began)
			theirs.LockWord().ReleaseOwn()
			return took
		})
	}
}
