//go:build linux

package mp_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Children are the running image, wherever it was started from and whatever has
// become of its file.
func TestSTART06_TheRunningImageIsStarted(t *testing.T) {
	path, err := program()
	require.NoError(t, err)
	for _, c := range []struct {
		name, file string // where the program lies
		path       string // how it is called
		meanwhile  func(t *testing.T, file string)
		args       []string
	}{
		{name: "spaces", file: "with some spaces", path: "./with some spaces"},
		{name: "relative", file: "prog", path: "./prog"},
		{name: "directory changed", file: "prog", path: "./prog", args: []string{"/"}},
		{name: "symbolic link", file: "prog", path: "./link"},
		{name: "deleted", file: "prog", path: "./prog", meanwhile: func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
		}},
		{name: "directory deleted", file: "prog", path: "./prog", meanwhile: func(t *testing.T, file string) {
			require.NoError(t, os.RemoveAll(filepath.Dir(file)))
		}},
		{name: "replaced", file: "prog", path: "./prog", meanwhile: func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\nexit 3\n"), 0o700))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, c.file)
			require.NoError(t, os.Symlink(file, filepath.Join(dir, "link")))
			copyProgram(t, path, file)
			cmd := programCommand(bounded(t), t, append([]string{"run"}, c.args...)...)
			cmd.Path, cmd.Args[0], cmd.Dir = filepath.Join(dir, c.path), c.path, dir
			stdin, err := cmd.StdinPipe()
			require.NoError(t, err)
			box, w := newMailbox(t)
			stderr := outputFile(t)
			cmd.Stdout, cmd.Stderr = w, stderr
			require.NoError(t, cmd.Start())
			require.NoError(t, w.Close())
			assert.Equal(t, "ready", box.next(t))
			if c.meanwhile != nil {
				c.meanwhile(t, file)
			}
			_, err = io.WriteString(stdin, "go\n")
			require.NoError(t, err)
			assert.Equal(t, []string{"result 49"}, box.rest(t), content(t, stderr))
			require.NoError(t, cmd.Wait())
		})
	}
}

// copyProgram copies a program by means of another process: a fork of this one
// could hold the file open for writing, and then it could not be executed.
func copyProgram(t testing.TB, from, to string) {
	t.Helper()
	out, err := exec.Command("cp", from, to).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestStartWithTheStandardStreamsClosed(t *testing.T) {
	path, err := program()
	require.NoError(t, err)
	for _, closing := range []string{"<&-", ">&-", "2>&-", "<&- >&- 2>&-"} {
		report := filepath.Join(t.TempDir(), "report")
		cmd := exec.CommandContext(bounded(t), "sh", "-c", `exec "$0" closed "$1" `+closing, path, report)
		cmd.Env = programEnv()
		require.NoError(t, cmd.Run(), closing)
		text, err := os.ReadFile(report)
		require.NoError(t, err)
		assert.Equal(t, "0 <nil>\n1 <nil>\n4 <nil>\n<nil> <nil>\n", string(text), closing)
	}
}

func TestSTART17_OnlyStartNeedsTheExecutable(t *testing.T) {
	path, err := staticProgram()
	require.NoError(t, err)
	root := t.TempDir()
	copyProgram(t, path, filepath.Join(root, "prog"))
	cmd := exec.CommandContext(bounded(t), "/prog", "no-proc")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
	}
	cmd.Env = []string{}
	o := finish(t, cmd)
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stdout, "initialised MainProcess true")
	assert.Contains(t, o.stderr, "is /proc mounted")
}
