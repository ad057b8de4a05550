//go:build linux

package shm

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wordsOf returns words of new objects, which are 0.
func wordsOf(t testing.TB, a *Arena, n int) (words []Word) {
	t.Helper()
	for range n {
		o, err := a.New(Spec{Kind: FirstKind})
		require.NoError(t, err)
		words = append(words, Word{At: o.Word(CellBody)})
	}
	return words
}

// eachWay runs a test with the kernel as it is, with one that lets a thread sleep on one
// word only, and when as many threads sleep as may.
func eachWay(t *testing.T, test func(t *testing.T, a *Arena)) {
	t.Run("together", func(t *testing.T) {
		test(t, fresh(t))
		assert.True(t, severalAtOnce.Load(), "the kernel is too old for this test")
	})
	t.Run("each on its own", func(t *testing.T) {
		severalAtOnce.Store(false)
		defer severalAtOnce.Store(true)
		test(t, fresh(t))
	})
	t.Run("without a thread", func(t *testing.T) {
		a := fresh(t)
		a.parking.sleepers.Add(maxSleepers)
		test(t, a)
	})
}

func TestWaitAnyIsWokenByEachWord(t *testing.T) {
	eachWay(t, func(t *testing.T, a *Arena) {
		for _, n := range []int{1, 2, WordsTogether} {
			words := wordsOf(t, a, n)
			for _, i := range []int{0, n / 2, n - 1} {
				words[i].Expect = atomic.LoadUint32(words[i].At)
				var done sync.WaitGroup
				done.Go(func() {
					for !words[i].changed() { // it may return early
						a.WaitAny(t.Context(), words, recheck)
					}
				})
				time.Sleep(time.Millisecond) // so that most runs find it asleep
				atomic.AddUint32(words[i].At, 1)
				WakeAll(words[i].At)
				within(t, patience, fmt.Sprintf("word %d of %d", i, n), done.Wait)
				words[i].Expect++
			}
		}
	})
}

func TestWaitAnyDoesNotSleepOnWhatHasChanged(t *testing.T) {
	eachWay(t, func(t *testing.T, a *Arena) {
		words := wordsOf(t, a, 5)
		words[3].Expect = 7
		began := time.Now()
		assert.False(t, a.WaitAny(t.Context(), words, time.Hour))
		assert.Less(t, time.Since(began), patience)
	})
}

func TestWaitAnyEndsWithItsContextAndLimit(t *testing.T) {
	eachWay(t, func(t *testing.T, a *Arena) {
		words := wordsOf(t, a, 20)
		for range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Microsecond, cancel)
			within(t, patience, "the end of a context", func() { a.WaitAny(ctx, words, time.Hour) })
			within(t, patience, "a context that has ended", func() { a.WaitAny(ctx, words, time.Hour) })
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		within(t, patience, "a deadline", func() {
			for ctx.Err() == nil {
				a.WaitAny(ctx, words, time.Hour)
			}
		})
		within(t, patience, "the limit", func() {
			for !a.WaitAny(t.Context(), words, recheck) {
			}
		})
	})
}

// Who puts wakes this one and no other; without somebody to be woken no wake-up is said
// to have been.
func TestWaitAnyTakesPartInWakeOne(t *testing.T) {
	a := fresh(t)
	words := wordsOf(t, a, 3)
	assert.False(t, WakeOne(words[1].At))
	promptly(t, func() time.Duration {
		var done sync.WaitGroup
		done.Go(func() { a.WaitAny(t.Context(), words, recheck) })
		time.Sleep(time.Millisecond)
		began := time.Now()
		for !WakeOne(words[1].At) && time.Since(began) < recheck {
			time.Sleep(10 * time.Microsecond)
		}
		done.Wait()
		return time.Since(began)
	})
}
