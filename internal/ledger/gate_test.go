package ledger

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClaimNeedsEpochAndNumber(t *testing.T) {
	l, _ := newLedger(t)
	assert.True(t, l.Claim(0, 0, 3))
	assert.False(t, l.Claim(0, 0, 3), "claimed already")
	assert.False(t, l.Claim(0, 4, 1), "item 3 comes first")
	assert.False(t, l.Claim(1, 3, 1), "another epoch")
	assert.True(t, l.Claim(0, 3, 1))
	assert.EqualValues(t, 4, l.Claimed())
	claimed, epoch := l.Revoke()
	assert.EqualValues(t, 4, claimed)
	assert.False(t, l.Claim(0, 4, 1), "revoked")
	assert.True(t, l.Claim(epoch, 4, 1))
	assert.Equal(t, epoch, l.Epoch())
}

func TestEpochWrapsAround(t *testing.T) {
	l, _ := newLedger(t)
	require.True(t, l.Claim(0, 0, 9))
	for range 1<<16 - 1 {
		l.Revoke()
	}
	assert.EqualValues(t, 1<<16-1, l.Epoch())
	claimed, epoch := l.Revoke()
	assert.EqualValues(t, 9, claimed, "the epoch does not run into the count")
	assert.Zero(t, epoch)
}

// A worker claims and the parent revokes, as fast as both can. No item runs
// that was taken back, none is claimed twice, and none is skipped.
func TestClaimAgainstRevoke(t *testing.T) {
	type resume struct {
		next  uint64
		epoch uint16
	}
	l, _ := newLedger(t)
	frames := make(chan resume, 1<<14)
	var ranges [][2]uint64 // that the worker has claimed
	var worker sync.WaitGroup
	stop := make(chan struct{})
	worker.Go(func() {
		random := rand.New(rand.NewPCG(1, 2))
		next, epoch := uint64(0), uint16(0)
		for {
			select {
			case <-stop:
				return
			default:
			}
			n := 1 + random.IntN(5)
			if l.Claim(epoch, next, n) {
				ranges = append(ranges, [2]uint64{next, next + uint64(n)})
				next += uint64(n)
				continue
			}
			for { // as Serve does: up to the resume frame of the present epoch
				r, ok := <-frames
				if !ok {
					return
				}
				if r.epoch == l.Epoch() {
					next, epoch = r.next, r.epoch
					break
				}
			}
		}
	})
	var boundaries []uint64
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end) && len(boundaries) < cap(frames); {
		claimed, epoch := l.Revoke()
		boundaries = append(boundaries, claimed)
		require.Equal(t, claimed, l.Claimed(), "a closed gate stands still")
		frames <- resume{claimed, epoch}
	}
	close(stop)
	close(frames)
	worker.Wait()

	require.NotEmpty(t, boundaries)
	at := uint64(0)
	ends := map[uint64]bool{0: true}
	for _, r := range ranges {
		require.Equal(t, at, r[0], "no gap and no overlap")
		at = r[1]
		ends[at] = true
	}
	for _, b := range boundaries {
		require.True(t, ends[b], "the gate closes between two claims, not within one")
	}
	assert.EqualValues(t, at, l.Claimed())
}

// Many revocations at once each get an epoch of their own.
func TestRevokeFromManyGoroutines(t *testing.T) {
	l, _ := newLedger(t)
	const each = 1000
	var mu sync.Mutex
	seen := make(map[uint16]bool)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range each {
				_, epoch := l.Revoke()
				mu.Lock()
				seen[epoch] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	assert.Len(t, seen, 8*each)
}
