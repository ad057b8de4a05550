package workloads

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/cmd/mp/bench"
)

func TestGrindSplitDoesNotDependOnTheSplit(t *testing.T) {
	one, err := grindSplit(grinds(20), 1)
	require.NoError(t, err)
	for n := range 7 {
		many, err := grindSplit(grinds(20), n+1)
		require.NoError(t, err)
		require.Equal(t, one, many)
	}
	assert.Equal(t, grindLocally(Grind{Seed: 99, Steps: 20}), one[99])
	assert.NotEqual(t, one[99], grindLocally(Grind{Seed: 99, Steps: 21}))
}

func TestChecksumSeesEveryResultAndItsPlace(t *testing.T) {
	sum := checksum([]uint64{1, 2, 3})
	assert.NotEqual(t, sum, checksum([]uint64{1, 3, 2}))
	assert.NotEqual(t, sum, checksum([]uint64{1, 2, 4}))
	assert.NotEqual(t, sum, checksum([]uint64{1, 2}))
	assert.NotEqual(t, checksum(nil), checksum([]uint64{0}))
}

func TestAWrongResultIsAnError(t *testing.T) {
	p := bench.Params{Workers: 2, Steps: 10, Checksum: 1}
	_, err := grindGoroutines(t.Context(), p)
	assert.ErrorContains(t, err, "wrong result: the checksum is")
}
