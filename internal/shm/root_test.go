//go:build linux

package shm

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Processes that look for it at the same time find one.
func TestAllFindTheSameRoot(t *testing.T) {
	a := fresh(t)
	const members = 4
	var all [members]*Arena
	for i := range all {
		all[i] = another(t, a.file)
	}
	var roots [members]*Object
	var errs [members]error
	var done sync.WaitGroup
	for i, b := range all {
		done.Go(func() { roots[i], errs[i] = b.Root(Spec{Kind: FirstKind, Size: 64}) })
	}
	done.Wait()
	for i := range all {
		require.NoError(t, errs[i])
		assert.Equal(t, roots[0].Ref(), roots[i].Ref())
	}
	assert.True(t, a.Exists(roots[0].Ref()))
	checkIntegrity(t, a)

	_, err := a.Root(Spec{Kind: FirstKind + 1, Size: 64})
	assert.ErrorIs(t, err, ErrKind)

	// It stays when nobody has it, and comes back.
	*roots[0].Word(CellBody) = 7
	for _, o := range roots {
		require.NoError(t, o.Drop())
	}
	assert.True(t, a.Exists(roots[0].Ref()))
	again, err := a.Root(Spec{Kind: FirstKind, Size: 64})
	require.NoError(t, err)
	assert.EqualValues(t, 7, *again.Word(CellBody))
	require.NoError(t, again.Drop())
	assert.True(t, a.Exists(again.Ref()))
	checkIntegrity(t, a)
}

func TestExists(t *testing.T) {
	a := fresh(t)
	o := newObject(t, a, 0)
	r := o.Ref()
	b := another(t, a.file)
	assert.True(t, b.Exists(r))
	for name, other := range map[string]Ref{
		"nothing":            {},
		"another generation": {r.Cell, r.Generation + 1, r.Kind, r.Hash},
		"another kind":       {r.Cell, r.Generation, r.Kind + 1, r.Hash},
		"another hash":       {r.Cell, r.Generation, r.Kind, r.Hash + 1},
		"beyond all":         {1<<32 - 1, r.Generation, r.Kind, r.Hash},
		"a cell never used":  {r.Cell + 100, r.Generation, r.Kind, r.Hash},
	} {
		assert.False(t, b.Exists(other), name)
	}
	require.NoError(t, o.Drop())
	assert.False(t, b.Exists(r))
	newObject(t, a, 0) // in the same cell
	assert.False(t, b.Exists(r))
}
