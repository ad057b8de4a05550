//go:build linux

package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWalk(t *testing.T) {
	root := t.TempDir()
	in := func(name string) string { return filepath.Join(root, name) }
	require.NoError(t, os.MkdirAll(in("d/e"), 0o755))
	for _, name := range []string{"a", "d/b", "new\nline", "not\xffutf8"} {
		require.NoError(t, os.WriteFile(in(name), []byte(name), 0o644))
	}
	for name, to := range map[string]string{"broken": "nowhere", "loop": "loop", "d/up": "..", "d/to-a": "../a", "device": "/dev/null"} {
		require.NoError(t, os.Symlink(to, in(name)))
	}
	require.NoError(t, syscall.Mkfifo(in("fifo"), 0o600))
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: in("socket")})
	require.NoError(t, err)
	defer socket.Close()

	found, err := walk(within(t), root)
	require.NoError(t, err)
	require.Equal(t, []string{in("a"), in("d/b"), in("d/to-a"), in("new\nline"), in("not\xffutf8")}, found.files)
	require.Equal(t, []skip{
		{in("broken"), "broken link"},
		{in("d/up"), "link to a directory, not followed"},
		{in("device"), "not a regular file: a device"},
		{in("fifo"), "not a regular file: a named pipe"},
		{in("loop"), "broken link: too many levels of symbolic links"},
		{in("socket"), "not a regular file: a socket"},
	}, found.skipped)
	require.Equal(t, "d/b", found.short(in("d/b")))
	require.Equal(t, `"new\nline"`, found.short(in("new\nline")))
}

func TestWalkOfALink(t *testing.T) {
	root := makeTree(t, 3)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(root, link))
	found, err := walk(within(t), link)
	require.NoError(t, err)
	require.Len(t, found.files, 3)
}

func TestWalkRefuses(t *testing.T) {
	_, err := walk(within(t), "/no/such/place")
	require.EqualError(t, err, "there is no directory /no/such/place")
	_, err = walk(within(t), "walk_test.go")
	require.EqualError(t, err, "walk_test.go is not a directory")
	_, err = walk(within(t), "walk_test.go/below")
	require.EqualError(t, err, "walk_test.go/below cannot be read: not a directory")

	ctx, cancel := context.WithCancel(within(t))
	cancel()
	_, err = walk(ctx, t.TempDir())
	require.ErrorIs(t, err, context.Canceled)
}
