package bench

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sampled makes an outcome of a workload with one metric.
func sampled(w *Workload, samples map[Role][]float64) *outcome {
	o := &outcome{workload: w, samples: make(map[Role][]Values)}
	for role, figures := range samples {
		for _, v := range figures {
			o.samples[role] = append(o.samples[role], Values{w.Metrics[0].Name: v})
		}
	}
	return o
}

func metric(name, unit string, b Better) []Metric { return []Metric{{name, unit, b}} }

func TestJSONOfAFullRow(t *testing.T) {
	w := &Workload{Name: "start", Metrics: metric("start", "us", Lower)}
	o := sampled(w, map[Role][]float64{
		Ours:       {12, 8, 10},
		CPython:    {250, 240, 900},
		Goroutines: {1, 1, 1},
		Limit:      {8, 8, 8},
	})
	var out bytes.Buffer
	require.NoError(t, writeJSON(&out, o.rows()))
	assert.JSONEq(t, `[{
		"name": "start", "unit": "us", "better": "lower", "ours": 10,
		"rivals": {"cpython": 250, "goroutines": 1}, "limit": 8,
		"ratios": {"cpython": 25, "goroutines": 0.1, "limit": 0.8},
		"runs": 3, "spread": 0.2
	}]`, out.String())
}

func TestJSONLeavesOutWhoWasAbsent(t *testing.T) {
	w := &Workload{Name: "burst", Metrics: metric("burst", "items/s", Higher)}
	var out bytes.Buffer
	require.NoError(t, writeJSON(&out, sampled(w, map[Role][]float64{Ours: {5}}).rows()))
	assert.JSONEq(t, `[{"name": "burst", "unit": "items/s", "better": "higher", "ours": 5,
		"rivals": {}, "ratios": {}, "runs": 1, "spread": 0}]`, out.String())
}

func TestJSONSaysWhatWasDifferentOnThisMachine(t *testing.T) {
	w := &Workload{Name: "sum", Metrics: metric("sum", "s", Lower), Note: "of the table only"}
	o := sampled(w, map[Role][]float64{Ours: {5}})
	o.note = "a small one"
	var out bytes.Buffer
	require.NoError(t, writeJSON(&out, o.rows()))
	assert.JSONEq(t, `[{"name": "sum", "unit": "s", "better": "lower", "ours": 5,
		"rivals": {}, "ratios": {}, "runs": 1, "spread": 0, "note": "a small one"}]`, out.String())
}

func TestJSONOfNothingIsAnArray(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, writeJSON(&out, pick(nil, regexp.MustCompile(""))))
	assert.JSONEq(t, `[]`, out.String())
}

func TestGoroutinesCanBeTheLimit(t *testing.T) {
	w := &Workload{Name: "work", Metrics: metric("work", "s", Lower), GoroutinesAreLimit: true}
	row := sampled(w, map[Role][]float64{Ours: {2}, Goroutines: {1}}).rows()[0]
	require.NotNil(t, row.Limit)
	assert.Equal(t, 1.0, *row.Limit)
	assert.Equal(t, figures{Goroutines: 0.5, Limit: 0.5}, row.Ratios)
	assert.Equal(t, figures{Goroutines: 1}, row.Rivals)
}

func TestPickTakesRowsByTheirNameOrTheWorkloads(t *testing.T) {
	w := &Workload{Name: "memory", Metrics: []Metric{{"idle", "MiB", Lower}, {"after", "MiB", Lower}}}
	o := &outcome{workload: w, samples: map[Role][]Values{Ours: {{"idle": 1, "after": 2}}}}
	names := func(pattern string) (names []string) {
		for _, row := range pick([]*outcome{o}, regexp.MustCompile(pattern)) {
			names = append(names, row.Name)
		}
		return names
	}
	assert.Equal(t, []string{"idle", "after"}, names("^memory$"))
	assert.Equal(t, []string{"after"}, names("^after$"))
	assert.Empty(t, names("x"))
}
