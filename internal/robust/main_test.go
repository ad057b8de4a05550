//go:build linux

package robust

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
)

// patience is how long a test waits before it calls that a hang.
const patience = 10 * time.Second

func bounded(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			require.FailNow(t, "in vain: "+what)
		}
	}
}

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
