//go:build linux

package fifo

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/trial"
)

// Names of this package for what all tests have in common.
const patience = trial.Patience

var (
	bounded    = trial.Context
	eventually = trial.Until
	random     = trial.Random
)

// take is Take into a new item, that has the memory of buf.
func take(q *Queue, ctx context.Context, buf []byte) (Item, error) {
	item := Item{small: buf}
	err := q.Take(ctx, &item)
	return item, err
}

// tryTake is TryTake into a new item.
func tryTake(q *Queue) (item Item, err error) {
	err = q.TryTake(&item)
	return item, err
}

// message returns a payload of a size that says who has sent it, as which of its
// messages, and whether it is whole. The least size is 16.
func message(sender, number uint32, size int) []byte {
	p := make([]byte, size)
	binary.NativeEndian.PutUint32(p[4:], sender)
	binary.NativeEndian.PutUint32(p[8:], number)
	for i := 12; i < size; i++ {
		p[i] = byte(number + uint32(i))
	}
	binary.NativeEndian.PutUint32(p, crc32.ChecksumIEEE(p[4:]))
	return p
}

// content is the reverse.
func content(p []byte) (sender, number uint32, err error) {
	if len(p) < 16 || crc32.ChecksumIEEE(p[4:]) != binary.NativeEndian.Uint32(p) {
		return 0, 0, fmt.Errorf("a torn message of %d bytes", len(p))
	}
	return binary.NativeEndian.Uint32(p[4:]), binary.NativeEndian.Uint32(p[8:]), nil
}

// numberOf returns the number of a message.
func numberOf(t testing.TB, p []byte) uint32 {
	t.Helper()
	_, number, err := content(p)
	require.NoError(t, err)
	return number
}

// received takes an item that must come, and gives up what it has.
func received(t testing.TB, q *Queue) []byte {
	t.Helper()
	item, err := take(q, bounded(t), nil)
	require.NoError(t, err)
	defer item.Drop()
	p, err := item.Payload()
	require.NoError(t, err)
	require.Len(t, p, item.Size)
	return slices.Clone(p) // a large one is the queue's again after Drop
}

// size returns the size of a message: mostly a small one, and some of every sort.
func size(rng *rand.Rand) int {
	switch rng.IntN(12) {
	case 0:
		return inline + rng.IntN(3) - 1 // about the largest that is in its record
	case 1:
		return 16 + rng.IntN(inline-15)
	case 2:
		return inline + 1 + rng.IntN(100<<10)
	default:
		return 16 + rng.IntN(200)
	}
}

// A usage is what is in use of the shared memory.
type usage struct {
	a     *shm.Arena
	bytes uint64
	cells int
}

// used returns what is in use now, when a first queue has made all that stays.
func used(t testing.TB) usage {
	t.Helper()
	q, h := queue(t, Config{})
	for _, n := range []int{100, inline, 100 << 10} {
		require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, n)}))
	}
	require.NoError(t, h.Close())
	u := usage{a: q.arena}
	u.bytes, u.cells = q.arena.Heap()
	return u
}

// same checks that no more is in use than before, but for a slab or two that are
// kept for the next.
func (u usage) same(t testing.TB) {
	t.Helper()
	bytes, cells := u.a.Heap()
	require.LessOrEqual(t, cells, u.cells+2)
	require.LessOrEqual(t, bytes, u.bytes+2*64<<10)
}

// sleeps waits until somebody has said that it is about to sleep.
func sleeps(t testing.TB, b bell) {
	t.Helper()
	eventually(t, "somebody sleeps", b.armed)
}
