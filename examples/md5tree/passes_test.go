//go:build linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// filesOf makes a tree and returns its files, with one that cannot be read and
// one with a strange name.
func filesOf(t *testing.T, n int) []string {
	t.Helper()
	root := makeTree(t, n)
	require.NoError(t, os.WriteFile(filepath.Join(root, "not\xffutf8\n"), []byte("strange"), 0o644))
	found, err := walk(within(t), root)
	require.NoError(t, err)
	return append(found.files, filepath.Join(root, "vanished"))
}

func nothing() {}

// serially is what the other passes have to bring, too.
func serially(t *testing.T, files []string) *outcome {
	t.Helper()
	out, err := serial(within(t), options{}, files, nothing)
	require.NoError(t, err)
	require.Len(t, out.results, len(files))
	return out
}

func TestPassesAgree(t *testing.T) {
	files := filesOf(t, 100)
	want := serially(t, files)
	require.Equal(t, "no such file or directory", want.results[len(files)-1].Err)
	for _, workers := range []int{1, 2, 5} {
		ticks := 0
		got, err := goroutines(within(t), options{workers: workers}, files, nothing)
		require.NoError(t, err)
		require.Equal(t, want.results, got.results)
		got, err = processes(within(t), options{workers: workers}, files, func() { ticks++ })
		require.NoError(t, err)
		require.Equal(t, summary(want.results), summary(got.results))
		require.Len(t, got.results, len(files))
		require.Equal(t, len(files), ticks)
		require.Empty(t, got.pool.failures)
		for _, r := range got.results {
			require.NotEqual(t, os.Getpid(), r.PID)
		}
	}
}

func TestPassesEndWithTheirContext(t *testing.T) {
	files := filesOf(t, 20)
	for _, pass := range []func(context.Context, options, []string, func()) (*outcome, error){serial, goroutines, processes} {
		ctx, cancel := context.WithCancel(within(t))
		_, err := pass(ctx, options{workers: 2}, files, cancel)
		if err != nil { // the pass may have been faster than its end
			require.ErrorIs(t, err, context.Canceled)
		}
		_, err = pass(ctx, options{workers: 2, kill: 1, poison: true}, files, nothing)
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestKilledWorkersCostNothing(t *testing.T) {
	files := filesOf(t, 300)
	want := serially(t, files)
	for _, files := range [][]string{files, files[:1], files[:2]} {
		out, err := processes(within(t), options{workers: 3, kill: 5, seed: 42}, files, nothing)
		require.NoError(t, err)
		require.NoError(t, out.pool.killErr)
		require.Empty(t, out.pool.failures)
		require.Len(t, out.results, len(files))
		if len(files) == len(want.results) {
			require.Equal(t, summary(want.results), summary(out.results))
		}
		pids := make(map[int]bool)
		for _, k := range out.pool.kills {
			pids[k.pid] = true
		}
		require.Len(t, pids, 5)
		require.EqualValues(t, 5, out.pool.stats.Died)
		again := 0
		for _, pids := range out.pool.starts.pids {
			again += len(pids) - 1
		}
		require.LessOrEqual(t, again, int(out.pool.stats.Retried), "items were run again that nobody has killed")
	}
}

func TestPoison(t *testing.T) {
	quiet(t)
	files := filesOf(t, 50)
	for _, kill := range []int{0, 2} {
		out, err := processes(within(t), options{workers: 2, poison: true, kill: kill, timeout: 500 * time.Millisecond}, files, nothing)
		require.NoError(t, err)
		require.Equal(t, summary(serially(t, files).results), summary(out.results))
		require.Len(t, out.pool.failures, len([]poison{neverEnds, segfault}))
		for _, f := range out.pool.failures {
			switch f.item.Poison {
			case neverEnds:
				require.ErrorIs(t, f.err, mp.ErrTimeout)
				require.ErrorIs(t, f.err, context.DeadlineExceeded)
			case segfault:
				var died *pool.WorkerDiedError
				require.ErrorAs(t, f.err, &died)
				require.Equal(t, kill+1, died.Attempts)
				require.Contains(t, out.pool.starts.pids[f.item.Index], died.PID)
			default:
				t.Fatalf("%s failed: %v", f.item.Path, f.err)
			}
		}
	}
}

func TestWithPoison(t *testing.T) {
	for n := range 20 {
		items := withPoison(make([]item, n))
		require.Len(t, items, n+2)
		files := 0
		for _, it := range items {
			if it.Poison == 0 {
				files++
			}
		}
		require.Equal(t, n, files)
	}
}
