//go:build linux

package workloads

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/cmd/mp/bench"
	"github.com/multiproc/mp/pool"
)

func TestTallyChecksWhatHasBeenDone(t *testing.T) {
	lazy := func(n int) (int, error) { return n - n/1000, nil }
	_, err := tally(bench.Params{}, "w", 1000, lazy)
	assert.EqualError(t, err, "wrong result: how often it was done is 999, not 1000")
	_, err = tally(bench.Params{}, "w", 1000, func(int) (int, error) { return 0, errors.New("broken") })
	assert.EqualError(t, err, "broken")
}

// elapsed compares the clocks of two processes.
var elapsed = mp.Pure(func(since int64) int64 { return monotonic() - since })

func TestMonotonicIsTheSameInAllProcesses(t *testing.T) {
	start := time.Now()
	took, err := mp.Run(t.Context(), elapsed.With(monotonic()))
	require.NoError(t, err)
	assert.Positive(t, took)
	assert.LessOrEqual(t, took, int64(time.Since(start)))
}

func TestArenaUse(t *testing.T) {
	array, err := mp.NewRawArray[byte](1 << 20)
	require.NoError(t, err)
	with, err := arenaUse()
	require.NoError(t, err)
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, array.Close())
	without, err := arenaUse()
	require.NoError(t, err)
	assert.Equal(t, with.descriptors+1, without.descriptors)
	assert.InDelta(t, with.bytes-1<<20, without.bytes, 256<<10) // what dead children had may come back now
}

// hoard makes a worker take memory for itself: this many bytes.
var hoard = mp.Action(func(_ context.Context, n int) error {
	kept = make([]byte, n)
	for i := range kept {
		kept[i] = 1
	}
	return nil
})

var kept []byte

func TestMemoryThatAWorkerCopiesIsSeen(t *testing.T) {
	workers, err := pool.New(pool.Options{Workers: 1})
	require.NoError(t, err)
	defer workers.Close()
	before, err := private(workers.Workers())
	require.NoError(t, err)
	_, err = pool.Apply(t.Context(), workers, hoard.With((mostPrivate+1)<<20))
	require.NoError(t, err)
	after, err := private(workers.Workers())
	require.NoError(t, err)
	assert.Greater(t, after[0]-before[0], float64(mostPrivate))
}

func TestFillAndSum(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1001} {
		items := make([]int64, n)
		assert.Equal(t, fill(items), sum(items))
		for i, x := range items {
			require.Equal(t, int64(i), x)
		}
	}
}

func TestASmallMachineHasASmallerArrayAndANote(t *testing.T) {
	var large, small bench.Params
	sizeSum(&large, 3<<30)
	assert.Equal(t, bench.Params{Size: 1 << 30}, large)
	sizeSum(&small, 3<<30-1)
	assert.Equal(t, uint64(512<<20), small.Size)
	assert.Contains(t, small.Note, "512 MiB, not 1 GiB")
}
