package workloads

import (
	"encoding/json"
	"maps"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/cmd/mp/bench"
)

// TestTheScriptHasAllFigures runs CPython's side once, if there is a CPython.
func TestTheScriptHasAllFigures(t *testing.T) {
	pythons := bench.FindPythons(t.Context())
	if len(pythons) == 0 {
		t.Skip("no CPython on this machine")
	}
	for _, w := range All() {
		if !w.CPython {
			continue
		}
		t.Run(w.Name, func(t *testing.T) {
			out, err := exec.Command(pythons[0].Path, "../bench/script/bench.py", w.Name, "2", "0.01").Output()
			require.NoError(t, err)
			var r bench.Result
			require.NoError(t, json.Unmarshal(out, &r))
			assert.True(t, r.Checked)
			assert.ElementsMatch(t, metricNames(w), slices.Collect(maps.Keys(r.Values)))
		})
	}
}
