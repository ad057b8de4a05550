package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp/cmd/mp/workloads"
)

// command runs mp without measuring anything.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestHelp(t *testing.T) {
	code, stdout, stderr := command(t, "help")
	assert.Zero(t, code)
	assert.Equal(t, usage, stdout)
	assert.Empty(t, stderr)
	assert.NotContains(t, stdout, "bench-child")
}

func TestWrongCommandLines(t *testing.T) {
	for want, args := range map[string][]string{
		"Usage:":                           nil,
		`there is no command "frobnicate"`: {"frobnicate"},
		"no workload matches":              {"bench", "-run", "nothing of this name"},
	} {
		code, stdout, stderr := command(t, args...)
		assert.Equal(t, 2, code, args)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, want)
	}
}

func TestAFailedMeasurementIsExitCodeOne(t *testing.T) {
	code, stdout, stderr := command(t, "bench-child", "apply_rtt", "limit", "{}")
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, `workload apply_rtt has no role "limit"`)
}

func TestListNamesEverything(t *testing.T) {
	code, stdout, _ := command(t, "bench", "-list")
	assert.Zero(t, code)
	for _, w := range workloads.All() {
		assert.Contains(t, stdout, w.Name)
		for _, m := range w.Metrics {
			assert.Contains(t, stdout, m.Name)
		}
	}
}
