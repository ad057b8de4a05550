//go:build linux

package main

import (
	"context"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDigestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("abc"), 0o644))
	r, err := digestFile(within(t), path)
	require.NoError(t, err)
	require.Equal(t, "900150983cd24fb0d6963f7d28e17f72", fmt.Sprintf("%x", r.MD5))
	require.EqualValues(t, 3, r.Size)
	require.Empty(t, r.Err)
	require.Equal(t, product(300, 0x900150983cd24fb0), r.Product)
}

func TestDigestOfALargeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, make([]byte, 1_000_000), 0o644))
	r, err := digestFile(within(t), path)
	require.NoError(t, err)
	require.Equal(t, "879f4bba57ed37c9ec5e5aedf9864698", fmt.Sprintf("%x", r.MD5))
}

func TestDigestTakesReadErrorsAsData(t *testing.T) {
	for path, says := range map[string]string{
		filepath.Join(t.TempDir(), "vanished"): "no such file or directory",
		"/proc/self/mem":                       "input/output error",
		t.TempDir():                            "is a directory",
	} {
		r, err := digestFile(within(t), path)
		require.NoError(t, err)
		require.Equal(t, says, r.Err)
	}
}

func TestDigestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	_, err := digestFile(ctx, "digest_test.go")
	require.ErrorIs(t, err, context.Canceled)
}

func TestProduct(t *testing.T) {
	for _, m := range []uint64{1, 3, 1<<64 - 1, 0x900150983cd24fb1} {
		want := new(big.Int).MulRange(1, 300)
		want.Mod(want, new(big.Int).SetUint64(m))
		require.Equal(t, want.Uint64(), product(300, m))
	}
	require.EqualValues(t, 24, product(4, 1000))
	require.Zero(t, product(300, 0))
}

func TestSummary(t *testing.T) {
	a, b := result{Path: "a", Size: 1, PID: 1}, result{Path: "b", Size: 2, PID: 1}
	want := summary([]result{a, b})
	require.Len(t, want, 32)
	require.Equal(t, want, summary([]result{b, a}))
	require.Equal(t, want, summary([]result{b, a, {Path: "c", Err: "gone"}}))
	b.PID = 2
	require.Equal(t, want, summary([]result{a, b}))
	b.Product = 1
	require.NotEqual(t, want, summary([]result{a, b}))
}
