//go:build linux

package mp_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

var lockAndDie = mp.Action(func(_ context.Context, l *mp.Lock) error {
	l.Lock()
	exitNow()
	return nil
})

func TestLockOfADeadProcess(t *testing.T) {
	l, err := mp.NewLock()
	require.NoError(t, err)
	defer func() { assert.NoError(t, l.Close()) }()
	p := mp.NewProcess(lockAndDie.With(l))
	require.NoError(t, p.Start())
	assert.Error(t, p.Join(t.Context()))
	require.NoError(t, l.Acquire(t.Context()))
	assert.True(t, l.OwnerDied())
	l.Repaired()
	assert.False(t, l.OwnerDied())
	l.Unlock()
}
