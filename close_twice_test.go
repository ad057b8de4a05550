//go:build linux

package mp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// Who closes a handle once more touches nothing: the memory may be another object's.
func TestClosingAgainChangesNothing(t *testing.T) {
	for range 20 {
		q, err := mp.NewQueue[int](1)
		require.NoError(t, err)
		a, b, err := mp.Pipe()
		require.NoError(t, err)
		require.NoError(t, q.Close())
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
		var arrays []*mp.Array[uint64]
		for range 8 {
			array, err := mp.NewArray[uint64](32) // as large as the control block of a queue
			require.NoError(t, err)
			arrays = append(arrays, array)
		}
		require.NoError(t, q.Close())
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
		for _, array := range arrays {
			for i, x := range array.All() {
				assert.Zero(t, x, "item %d", i)
			}
			require.NoError(t, array.Close())
		}
	}
}
