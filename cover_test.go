//go:build linux

package mp_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What only children execute counts in the coverage of a program: the task here
// runs in no other process.
func TestCoverageOfChildrenCounts(t *testing.T) {
	path, err := build("cover", "CGO_ENABLED=0", "-cover")
	require.NoError(t, err)
	counters := t.TempDir()
	cmd := exec.CommandContext(bounded(t), path, "stdin")
	cmd.Env = append(programEnv(), "GOCOVERDIR="+counters)
	o := finish(t, cmd)
	require.Zero(t, o.code, o.stderr)
	assert.NotContains(t, o.stderr, "cover")
	text, err := exec.CommandContext(t.Context(), "go", "tool", "covdata", "func", "-i="+counters).CombinedOutput()
	require.NoError(t, err, "%s", text)
	functions := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 {
			functions[f[1]] = f[2]
		}
	}
	assert.NotEqual(t, "0.0%", functions["readAllTask"], "in children only: %v", functions)
	assert.Contains(t, functions, "readAllTask")
}
