//go:build linux

package pool_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

var startedAt = time.Now()

// state is a variable of the worker's process.
var state int

var counting = mp.Pure(func(int) [2]int { state++; return [2]int{state, int(startedAt.UnixNano())} })

func TestPOOL42_StateOfAWorkerPersistsBetweenItsTasksAndNotInItsReplacement(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	ctx := within(t)
	for want := 1; want <= 3; want++ {
		got, err := pool.Apply(ctx, p, counting.With(0))
		require.NoError(t, err)
		assert.Equal(t, want, got[0])
	}
	all, err := pool.Map(ctx, p, counting, upTo(4))
	require.NoError(t, err)
	assert.Equal(t, 7, all[3][0])
	_, err = pool.Apply(ctx, p, exit.With(1))
	require.Error(t, err)
	fresh, err := pool.Apply(ctx, p, counting.With(0))
	require.NoError(t, err)
	assert.Equal(t, 1, fresh[0])
	assert.NotEqual(t, all[0][1], fresh[1])
	assert.Zero(t, state, "the parent's own variable has not changed")
}
