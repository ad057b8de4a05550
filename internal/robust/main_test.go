//go:build linux

package robust

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
	"github.com/multiproc/mp/internal/trial"
)

// Names of this package for what all tests have in common.
var (
	bounded    = trial.Context
	eventually = trial.Until
)

// object makes an object that goes at the end.
func object(t testing.TB, s shm.Spec) *shm.Object {
	t.Helper()
	a, err := shm.Default()
	require.NoError(t, err)
	o, err := a.New(s)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, o.Drop()) })
	return o
}

// handle makes a handle on it.
func handle(t testing.TB, h *shm.Handle, o *shm.Object) {
	t.Helper()
	o.Share()
	shm.Bind(h, h, o)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
}
