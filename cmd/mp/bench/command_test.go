package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// command returns a mp bench whose measurements are taken by a shell script,
// on a machine without CPython.
func command(t *testing.T, script string, workloads ...*Workload) (c *Command, stdout, stderr *bytes.Buffer) {
	t.Helper()
	sh, err := filepath.EvalSymlinks("/bin/sh")
	require.NoError(t, err)
	t.Setenv("PATH", t.TempDir())
	t.Setenv("PYENV_ROOT", t.TempDir())
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return &Command{Self: []string{sh, "-c", script, "sh"}, Workloads: workloads, Workers: 2, Stdout: stdout, Stderr: stderr}, stdout, stderr
}

// plain is a workload that only we take part in.
func plain(name string) *Workload {
	return &Workload{Name: name, Doc: "does " + name, Metrics: metric(name, "us", Lower), Ours: answers(nil, nil)}
}

func TestListRunsNothing(t *testing.T) {
	memory := plain("memory")
	memory.Metrics = []Metric{{"memory_idle", "MiB", Lower}}
	c, stdout, _ := command(t, "exit 1", plain("a"), memory)
	require.NoError(t, c.Run(t.Context(), []string{"-list"}))
	assert.Equal(t, "a              does a\nmemory         does memory\n  memory_idle  in MiB, lower is better\n", stdout.String())
	stdout.Reset()
	require.NoError(t, c.Run(t.Context(), []string{"-list", "-run", "^memory_idle$"}))
	assert.NotContains(t, stdout.String(), "does a")
	assert.Contains(t, stdout.String(), "does memory")
}

func TestWrongCommandLines(t *testing.T) {
	c, stdout, _ := command(t, "exit 1", plain("a"))
	for want, args := range map[string][]string{
		"no workload matches":  {"-run", "x"},
		"-run: error parsing":  {"-run", "("},
		"not \"a\"":            {"a"},
		"not defined: -x":      {"-x"},
		"at least one is need": {"-rounds", "0"},
	} {
		err := c.Run(t.Context(), args)
		assert.ErrorIs(t, err, ErrUsage)
		assert.ErrorContains(t, err, want)
	}
	assert.Empty(t, stdout.String())
	assert.NoError(t, c.Run(t.Context(), []string{"-h"}))
}

func TestBenchPrintsTheTableAndWritesJSON(t *testing.T) {
	c, stdout, stderr := command(t, `echo '{"values":{"a":2,"b":2},"checked":true}'`, plain("a"), plain("b"))
	file := filepath.Join(t.TempDir(), "bench.json")
	require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte("old "), 1000), 0o644))
	require.NoError(t, c.Run(t.Context(), []string{"-json", file, "-run", "a"}))
	assert.Contains(t, stdout.String(), "workload")
	assert.Contains(t, stdout.String(), "missing: cpython")
	assert.Contains(t, stderr.String(), "a ...")
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.JSONEq(t, `[{"name":"a","unit":"us","better":"lower","ours":2,"rivals":{},"ratios":{},"runs":7,"spread":0}]`, string(got))
}

func TestBenchReportsTheOthersWhenOneFails(t *testing.T) {
	c, stdout, _ := command(t, `[ $2 = a ] && { echo wrong result >&2; exit 1; }; echo '{"values":{"b":2},"checked":true}'`, plain("a"), plain("b"))
	file := filepath.Join(t.TempDir(), "bench.json")
	err := c.Run(t.Context(), []string{"-rounds", "1", "-json", file})
	assert.EqualError(t, err, "a: ours: exit status 1: wrong result")
	assert.NotErrorIs(t, err, ErrUsage)
	assert.Contains(t, stdout.String(), "\nb ")
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(got), `"name": "b"`)
	assert.NotContains(t, string(got), `"name": "a"`)
}

func TestAFileThatCannotBeWrittenIsToldFirst(t *testing.T) {
	c, _, stderr := command(t, "exit 1", plain("a"))
	assert.ErrorIs(t, c.Run(t.Context(), []string{"-json", filepath.Join(t.TempDir(), "no", "such")}), os.ErrNotExist)
	assert.Empty(t, stderr.String(), "nothing has run")
}
