//go:build linux

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

func TestMain(m *testing.M) {
	mp.Init()
	os.Exit(m.Run())
}

// within returns a context that ends when a hang is certain.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// makeTree makes a directory with n files in subdirectories, and returns it.
func makeTree(t *testing.T, n int) string {
	t.Helper()
	root := t.TempDir()
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("dir%d", i%7))
		require.NoError(t, os.MkdirAll(dir, 0o755))
		content := bytes.Repeat([]byte(fmt.Sprintln("file", i)), i*i)
		require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%03d", i)), content, 0o644))
	}
	return root
}

// quiet has the workers write their crash texts to nowhere.
func quiet(t *testing.T) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	stderr := os.Stderr
	os.Stderr = null
	t.Cleanup(func() {
		os.Stderr = stderr
		_ = null.Close()
	})
}

func TestParse(t *testing.T) {
	var w bytes.Buffer
	o, err := parse([]string{"-dir", "x", "-workers", "3", "-kill", "2", "-poison", "-seed", "7"}, &w)
	require.NoError(t, err)
	require.Equal(t, options{dir: "x", workers: 3, kill: 2, poison: true, timeout: poisonTimeout, seed: 7}, o)
	require.Empty(t, w.String())

	o, err = parse(nil, &w)
	require.NoError(t, err)
	require.Equal(t, mp.CPUCount(), o.workers)
	require.Zero(t, o.timeout)
	require.NotZero(t, o.seed)
	require.DirExists(t, o.dir)
}

func TestParseRefuses(t *testing.T) {
	for args, says := range map[string]string{
		"-workers=-1":  "-workers is -1; it has to be positive",
		"-workers=two": "invalid value",
		"-kill=-2":     "-kill is -2; it cannot be negative",
		"-timeout=-1s": "-timeout is -1s; it cannot be negative",
		"dir":          `unexpected argument "dir"`,
		"-what":        "not defined",
	} {
		var w bytes.Buffer
		_, err := parse([]string{args}, &w)
		require.Error(t, err, args)
		require.NotErrorIs(t, err, flag.ErrHelp)
		require.Contains(t, w.String(), says)
		require.Contains(t, w.String(), "Usage of md5tree")
	}
	_, err := parse([]string{"-h"}, new(bytes.Buffer))
	require.ErrorIs(t, err, flag.ErrHelp)
}

func TestRun(t *testing.T) {
	var w bytes.Buffer
	require.NoError(t, run(within(t), options{dir: makeTree(t, 30), workers: 2}, &w))
	require.Contains(t, w.String(), "30 files\n")
	require.Contains(t, w.String(), "goroutines (2)")
	require.Contains(t, w.String(), "all 3 agree\n")
}

func TestRunWhereThereIsNothing(t *testing.T) {
	var w bytes.Buffer
	require.NoError(t, run(within(t), options{dir: t.TempDir(), workers: 2}, &w))
	require.Contains(t, w.String(), "no files: nothing to do\n")

	w.Reset()
	dir := t.TempDir()
	require.NoError(t, os.Symlink("/proc/self/mem", filepath.Join(dir, "mem")))
	require.NoError(t, run(within(t), options{dir: dir, workers: 2}, &w))
	require.Contains(t, w.String(), "mem: input/output error\nnone of the files could be read\n")

	require.ErrorContains(t, run(within(t), options{dir: filepath.Join(dir, "no"), workers: 2}, &w), "there is no directory")
	require.ErrorContains(t, run(within(t), options{dir: "main_test.go", workers: 2}, &w), "main_test.go is not a directory")
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	require.ErrorIs(t, run(ctx, options{dir: makeTree(t, 3), workers: 2}, new(bytes.Buffer)), context.Canceled)
}
