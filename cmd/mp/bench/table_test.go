package bench

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	burst := &Workload{Name: "burst", Metrics: metric("burst", "items/s", Higher)}
	start := &Workload{Name: "start_join", Metrics: metric("start_join", "us", Lower)}
	rows := sampled(burst, map[Role][]float64{Ours: {1.5e6, 1.5e6}, CPython: {50e3}, Goroutines: {15e6}}).rows()
	rows = append(rows, sampled(start, map[Role][]float64{Ours: {1000, 1200, 1100}, Limit: {990}}).rows()...)
	var out bytes.Buffer
	require.NoError(t, writeTable(&out, rows))
	assert.Equal(t, `workload    unit      ours     quartiles  cpython  goroutines  limit  /cpython  /goroutines  /limit
burst       items/s  1.50M  1.50M..1.50M    50.0k      15.00M      -     30.0x        0.10x       -
start_join  us        1100    1050..1150        -           -    990         -            -   0.90x
`, out.String())
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{
		0.0123: "0.012", 1.857: "1.86", 18.57: "18.6", 185.7: "186", 1857: "1857",
		18570: "18.6k", 1857000: "1.86M", 1857e6: "1857M",
	} {
		assert.Equal(t, want, figure(v))
	}
}

func TestRatioText(t *testing.T) {
	for v, want := range map[float64]string{0.0123: "0.012x", 0.974: "0.97x", 1.3: "1.30x", 25.04: "25.0x", 312.4: "312x"} {
		assert.Equal(t, want, ratio(v))
	}
}

func TestFooter(t *testing.T) {
	old, young := Python{Path: "/a", Version: "3.8.1"}, Python{Path: "/b", Version: "3.13.0"}
	ran := func(name string, p Python) *outcome { return &outcome{workload: &Workload{Name: name}, python: p} }
	f := footer{others: 0.01, workers: 2, rounds: 7, pythons: []Python{old, young},
		outcomes: []*outcome{ran("a", young), ran("b", old), ran("c", young), ran("d", Python{})}}
	var out bytes.Buffer
	f.write(&out)
	assert.Contains(t, out.String(), "rounds: 7,")
	assert.NotContains(t, out.String(), "no comparison")
	assert.NotContains(t, out.String(), "busy")
	assert.Contains(t, out.String(), "cpython: 3.13.0 for a, c; 3.8.1 for b (the best of 3.8.1, 3.13.0)\n")
}

func TestFooterHasTheNotes(t *testing.T) {
	with := &Workload{Name: "with", Note: "mind the gap"}
	f := footer{rounds: 7, outcomes: []*outcome{{workload: &Workload{Name: "without"}}, {workload: with}, {workload: with, note: "a small one"}}}
	var out bytes.Buffer
	f.write(&out)
	assert.Contains(t, out.String(), "ahead.\nnote: with: mind the gap\nnote: with: mind the gap\nnote: with: a small one\nmachine:")
}

func TestFooterWarnsOfNeighbours(t *testing.T) {
	var out bytes.Buffer
	footer{rounds: 7, others: 0.31}.write(&out)
	assert.Contains(t, out.String(), "others: had 31 % of the CPUs")
	assert.Contains(t, out.String(), "busy machine")
}

func TestFooterNamesWhatIsMissing(t *testing.T) {
	var out bytes.Buffer
	footer{rounds: 1}.write(&out)
	assert.Contains(t, out.String(), "missing: cpython")
	assert.Contains(t, out.String(), "fewer than 7 are no comparison")
}

func TestParseCPUModel(t *testing.T) {
	assert.Equal(t, "Fast CPU @ 3GHz", parseCPUModel("processor\t: 0\nmodel name\t: Fast CPU @ 3GHz\nflags : x\n"))
	assert.Equal(t, "unknown CPU", parseCPUModel("processor\t: 0\n"))
}
