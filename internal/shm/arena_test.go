//go:build linux

package shm

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func arena(t testing.TB) *Arena {
	t.Helper()
	a, err := Default()
	require.NoError(t, err)
	return a
}

// Live blocks never overlap, new ones are zero, and in the end nothing is in use.
func TestHeapGivesEachItsOwn(t *testing.T) {
	a := arena(t)
	bytes, cells := a.Heap()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	type block struct {
		o    *Object
		mark byte
	}
	var live []block
	drop := func(i int) {
		b := live[i]
		for _, x := range b.o.bytesForTest() {
			if x != b.mark {
				t.Fatalf("a block of %d bytes has %d in it, not %d", b.o.size, x, b.mark)
			}
		}
		require.NoError(t, b.o.Drop())
		live[i] = live[len(live)-1]
		live = live[:len(live)-1]
	}
	for i := range 5000 {
		size := uint64(rng.IntN(2000) + 1)
		switch rng.IntN(20) {
		case 0:
			size = uint64(rng.IntN(1 << 20))
		case 1:
			size = 0
		}
		o, err := a.New(Spec{Kind: FirstKind, Size: size})
		require.NoError(t, err)
		for _, x := range o.bytesForTest() {
			if x != 0 {
				t.Fatalf("a new block of %d bytes is not zero", size)
			}
		}
		for j := range o.bytesForTest() {
			o.bytesForTest()[j] = byte(i)
		}
		live = append(live, block{o, byte(i)})
		if len(live) > 50 {
			drop(rng.IntN(len(live)))
		}
	}
	for len(live) > 0 {
		drop(len(live) - 1)
	}
	now, cellsNow := a.Heap()
	assert.LessOrEqual(t, now, bytes+slabSize, "a slab for the ledger may stay")
	assert.LessOrEqual(t, cellsNow, cells+2)
}

func (o *Object) bytesForTest() []byte { return o.arena.bytes(o.memory, o.size) }
