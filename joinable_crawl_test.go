//go:build linux

package mp_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// A crawler puts what it has found, and says then that it is done with where it has found
// it. Join must not return in between.
func TestJoinWaitsForWhatIsPutBeforeTaskDone(t *testing.T) {
	const depth, rounds = 50, 200
	ctx := bounded(t)
	q, err := mp.NewJoinableQueue[int](0)
	require.NoError(t, err)
	defer q.Close()
	var taken atomic.Int64
	crawled := make(chan error, 1)
	go func() {
		for n, err := range q.All(ctx) {
			if err == nil && n > 0 {
				err = q.Put(ctx, n-1)
			}
			taken.Add(1)
			if err == nil {
				err = q.TaskDone()
			}
			if err != nil {
				crawled <- err
				return
			}
		}
		crawled <- nil
	}()
	for round := range int64(rounds) {
		require.NoError(t, q.Put(ctx, depth-1))
		require.NoError(t, q.Join(ctx))
		require.Equal(t, depth*(round+1), taken.Load())
	}
	require.NoError(t, q.Shutdown(false))
	assert.NoError(t, <-crawled)
}
