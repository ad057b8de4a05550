package bench

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fake is a launcher that starts nothing.
type fake struct {
	answer func(w *Workload, r Role, python Python, p Params) (Values, error)

	mu  sync.Mutex
	log []string
}

func (f *fake) launch(_ context.Context, w *Workload, r Role, python Python, p Params) (Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, strings.TrimSpace(string(r)+" "+python.Version))
	v, err := f.answer(w, r, python, p)
	return Result{Values: v, Checked: true}, err
}

func (f *fake) runner(pythons ...Python) *runner {
	return &runner{launcher: f, pythons: pythons, workers: 2, rounds: 2, progress: io.Discard}
}

// same is an answer for workloads with a metric of their own name.
func same(w *Workload, _ Role, _ Python, _ Params) (Values, error) { return Values{w.Name: 1}, nil }

func TestRoundsAlternate(t *testing.T) {
	w := &Workload{Name: "w", Metrics: metric("w", "us", Lower), CPython: true,
		Ours: answers(nil, nil), Goroutines: answers(nil, nil), Limit: answers(nil, nil)}
	f := &fake{answer: same}
	o, err := f.runner().run(t.Context(), w)
	require.NoError(t, err)
	assert.Equal(t, []string{"ours", "goroutines", "limit", "limit", "goroutines", "ours"}, f.log)
	assert.Len(t, o.samples[Ours], 2)
	assert.NotContains(t, o.samples, CPython, "there is none on this machine")
}

func TestTheBestPythonTakesPart(t *testing.T) {
	a, b, c := Python{"/a", "3.8", [3]int{}}, Python{"/b", "3.9", [3]int{}}, Python{"/c", "3.10", [3]int{}}
	for better, want := range map[Better]Python{Lower: a, Higher: b} {
		w := &Workload{Name: "w", Metrics: metric("w", "", better), CPython: true, Ours: answers(nil, nil)}
		f := &fake{answer: func(_ *Workload, r Role, p Python, params Params) (Values, error) {
			switch p {
			case a:
				return Values{"w": 10}, nil
			case b:
				return Values{"w": 20}, nil
			case c:
				return nil, errors.New("no module _multiprocessing")
			}
			return Values{"w": 1}, nil
		}}
		o, err := f.runner(a, b, c).run(t.Context(), w)
		require.NoError(t, err)
		assert.Equal(t, want, o.python)
		assert.Equal(t, []string{"cpython 3.8", "cpython 3.9", "cpython 3.10"}, f.log[:3])
		assert.Contains(t, f.log[3:], "cpython "+want.Version)
		assert.Len(t, o.samples[CPython], 2, "the probes do not count")
	}
}

func TestTheLuckiestPythonDoesNotTakePart(t *testing.T) {
	times := map[string][]float64{"3.8": {1, 9, 9}, "3.9": {3, 3, 3}, "3.10": {4, 2, 4}, "3.11": {5, 1, 1}}
	var pythons []Python
	for _, v := range []string{"3.8", "3.9", "3.10", "3.11"} {
		pythons = append(pythons, Python{Path: "/" + v, Version: v})
	}
	f := &fake{answer: func(_ *Workload, _ Role, p Python, _ Params) (Values, error) {
		v := times[p.Version][0]
		times[p.Version] = times[p.Version][1:]
		return Values{"w": v}, nil
	}}
	w := &Workload{Name: "w", Metrics: metric("w", "", Lower)}
	best, err := f.runner(pythons...).bestPython(t.Context(), w, Params{})
	require.NoError(t, err)
	assert.Equal(t, "3.9", best.Version)
	assert.Len(t, times["3.11"], 2, "the last is no finalist")
}

func TestTheOnlyPythonIsProbedOnce(t *testing.T) {
	f := &fake{answer: same}
	only := Python{Path: "/a", Version: "3.8"}
	best, err := f.runner(only).bestPython(t.Context(), &Workload{Name: "w", Metrics: metric("w", "", Lower)}, Params{})
	require.NoError(t, err)
	assert.Equal(t, only, best)
	assert.Len(t, f.log, 1)
}

func TestPythonsThatAllFailAreAnError(t *testing.T) {
	w := &Workload{Name: "w", Metrics: metric("w", "", Lower), CPython: true, Ours: answers(nil, nil)}
	f := &fake{answer: func(_ *Workload, r Role, _ Python, _ Params) (Values, error) {
		return nil, errors.New("wrong result")
	}}
	_, err := f.runner(Python{Path: "/a", Version: "3.8"}).run(t.Context(), w)
	assert.EqualError(t, err, "cpython 3.8: wrong result")
}

func TestAFailureNamesItselfAndTheOthersRun(t *testing.T) {
	broken := &Workload{Name: "broken", Metrics: metric("broken", "", Lower), Ours: answers(nil, nil), Limit: answers(nil, nil)}
	sound := &Workload{Name: "sound", Metrics: metric("sound", "", Lower), Ours: answers(nil, nil)}
	f := &fake{answer: func(w *Workload, r Role, p Python, q Params) (Values, error) {
		if w == broken && r == Limit {
			return nil, errors.New("wrong result: 3")
		}
		return same(w, r, p, q)
	}}
	outcomes, err := f.runner().runAll(t.Context(), []*Workload{broken, sound})
	assert.EqualError(t, err, "broken: limit: wrong result: 3")
	require.Len(t, outcomes, 1)
	assert.Same(t, sound, outcomes[0].workload)
}

func TestAnInterruptEndsTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &Workload{Name: "w", Metrics: metric("w", "", Lower), Ours: answers(nil, nil)}
	f := &fake{answer: func(*Workload, Role, Python, Params) (Values, error) {
		cancel()
		return nil, ctx.Err()
	}}
	outcomes, err := f.runner().runAll(ctx, []*Workload{w, w})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, outcomes)
	assert.Len(t, f.log, 1)
}

func TestParameters(t *testing.T) {
	var got []Params
	f := &fake{answer: func(w *Workload, r Role, p Python, q Params) (Values, error) {
		got = append(got, q)
		return same(w, r, p, q)
	}}
	r := f.runner()
	r.rounds = 1
	w := &Workload{Name: "w", Metrics: metric("w", "", Lower), Ours: answers(nil, nil), Prepare: func(p *Params) { p.Steps, p.Note = 5, "five" }}
	o, err := r.run(t.Context(), w)
	require.NoError(t, err)
	assert.Equal(t, []Params{{Workers: 2, Budget: DefaultBudget, Steps: 5, Note: "five"}}, got)
	assert.Equal(t, "five", o.note)
}

func TestTogether(t *testing.T) {
	w := &Workload{Name: "w", Metrics: metric("w", "", Lower), Ours: answers(nil, nil), Limit: answers(nil, nil), Together: true}
	f := &fake{answer: same}
	o, err := f.runner().run(t.Context(), w)
	require.NoError(t, err)
	assert.Len(t, o.samples[Ours], 2)
	assert.Len(t, o.samples[Limit], 2)
}
