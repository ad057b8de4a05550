//go:build linux

package mp_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

var square = mp.Pure(func(x int) int { return x * x })

var refuse = mp.Func(func(_ context.Context, why string) (string, error) { return "", errors.New(why) })

func TestRunReturnsTheResult(t *testing.T) {
	got, err := mp.Run(t.Context(), square.With(7))
	require.NoError(t, err)
	assert.Equal(t, 49, got)
}

func TestRunReturnsTheRemoteError(t *testing.T) {
	_, err := mp.Run(t.Context(), refuse.With("no"))
	var remote *mp.RemoteError
	require.ErrorAs(t, err, &remote)
	assert.Equal(t, "no", remote.Text)
	assert.Contains(t, remote.Stack, "process_test.go")
}
