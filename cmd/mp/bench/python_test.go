package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// executable makes a shell script.
func executable(t *testing.T, path, body string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	return path
}

func TestPythonCandidates(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	at := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	real := executable(t, at("bin", "python3.11"), "")
	require.NoError(t, os.Symlink("python3.11", at("bin", "python3")))
	require.NoError(t, os.Symlink("nowhere", at("bin", "python3.12")))
	executable(t, at("bin", "python3.11-config"), "")
	executable(t, at("bin", "python2"), "")
	require.NoError(t, os.WriteFile(at("bin", "python3.10"), nil, 0o644))
	other := executable(t, at("pyenv", "versions", "3.13.0", "bin", "python3.13"), "")
	require.NoError(t, os.Symlink("python3.13", at("pyenv", "versions", "3.13.0", "bin", "python3")))
	require.NoError(t, os.Symlink(at("bin"), at("again")))

	got := pythonCandidates([]string{at("bin"), at("no such directory"), at("again")}, at("pyenv"))
	assert.Equal(t, []string{real, other}, got)
}

func TestIsPythonName(t *testing.T) {
	for _, name := range []string{"python3", "python3.8", "python3.13"} {
		assert.True(t, isPythonName(name), name)
	}
	for _, name := range []string{"python", "python2.7", "python3.", "python3.11-config", "python3.13t", "python33"} {
		assert.False(t, isPythonName(name), name)
	}
}

func TestParseIdentity(t *testing.T) {
	got := parseIdentity([]byte(`["cpython", "/usr/bin/python3.11", [3, 11, 2]]` + "\n"))
	require.NotNil(t, got)
	assert.Equal(t, Python{Path: "/usr/bin/python3.11", Version: "3.11.2", number: [3]int{3, 11, 2}}, *got)
	for _, answer := range []string{
		"", "pyenv: python3.9: command not found",
		`["pypy", "/usr/bin/pypy3", [3, 11, 2]]`,
		`["cpython", "/usr/bin/python3.7", [3, 7, 16]]`,
		`["cpython", "/usr/bin/python2", [2, 7, 18]]`,
	} {
		assert.Nil(t, parseIdentity([]byte(answer)), answer)
	}
}

func TestFindPythonsAsksEachOnceAndSortsByVersion(t *testing.T) {
	dir := t.TempDir()
	says := func(file, real string, minor int) {
		executable(t, filepath.Join(dir, file), fmt.Sprintf(`echo '["cpython", "%s", [3, %d, 0]]'`, real, minor))
	}
	says("bin/python3.13", "/real/13", 13)
	says("bin/python3.9", "/real/9", 9)
	says("bin/python3", "/real/13", 13) // a shim for one that is there already
	executable(t, filepath.Join(dir, "bin/python3.10"), "echo not active >&2; exit 127")
	says("pyenv/versions/3.8.0/bin/python3", "/real/8", 8)
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	t.Setenv("PYENV_ROOT", filepath.Join(dir, "pyenv"))

	var got []string
	for _, p := range FindPythons(t.Context()) {
		got = append(got, p.Version+" "+p.Path)
	}
	assert.Equal(t, []string{"3.8.0 /real/8", "3.9.0 /real/9", "3.13.0 /real/13"}, got)
}
