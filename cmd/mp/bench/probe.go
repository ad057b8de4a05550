package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// probeBudget is the Budget of a probe: one repetition of the work is enough to
// tell interpreters apart that are worth telling apart.
const probeBudget = 100 * time.Millisecond

// finalists is how many interpreters are probed more than once, and probes how
// often. What CPython's threads do to each other differs from process to process
// by a factor of five: the best of one probe each would be the luckiest.
const (
	finalists = 3
	probes    = 3
)

// probed is an interpreter with its figures.
type probed struct {
	Python
	figures []float64
}

// bestPython runs the workload briefly with all interpreters, again with those
// that were best, and returns the one with the best median at its first metric.
// An interpreter that cannot run it is passed over, unless all are such.
func (r *runner) bestPython(ctx context.Context, w *Workload, p Params) (Python, error) {
	p.Budget = min(p.Budget, probeBudget)
	var able []probed
	var failures []error
	for _, python := range r.pythons {
		v, err := r.probe(ctx, w, python, p)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		able = append(able, probed{python, []float64{v}})
	}
	if len(able) == 0 {
		return Python{}, errors.Join(failures...)
	}
	for _, err := range failures {
		fmt.Fprintf(r.progress, " (passed over: %v)", err)
	}
	rank(able, w.Metrics[0].Better)
	able = able[:min(finalists, len(able))]
	for range probes - 1 {
		if len(able) == 1 {
			break
		}
		for i := range able {
			v, err := r.probe(ctx, w, able[i].Python, p)
			if err != nil {
				return Python{}, err
			}
			able[i].figures = append(able[i].figures, v)
		}
	}
	rank(able, w.Metrics[0].Better)
	return able[0].Python, nil
}

// probe returns the figure of an interpreter at the workload's first metric.
func (r *runner) probe(ctx context.Context, w *Workload, python Python, p Params) (float64, error) {
	result, err := r.launcher.launch(ctx, w, CPython, python, p)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", describe(CPython, python), err)
	}
	return result.Values[w.Metrics[0].Name], nil
}

// rank sorts by the median, the best first.
func rank(pythons []probed, better Better) {
	slices.SortStableFunc(pythons, func(a, b probed) int {
		x, y := Median(a.figures), Median(b.figures)
		switch {
		case better.beats(x, y):
			return -1
		case better.beats(y, x):
			return 1
		}
		return 0
	})
}
