package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// runner takes the measurements of workloads.
type runner struct {
	launcher launcher
	pythons  []Python
	workers  int
	rounds   int
	progress io.Writer
}

// outcome is what the rounds of a workload have brought.
type outcome struct {
	workload *Workload
	python   Python // who was CPython; zero if it did not take part
	note     string // what was different on this machine
	samples  map[Role][]Values
}

// runAll runs the workloads one after another. One that fails does not keep the
// others from running; the error joins all failures.
func (r *runner) runAll(ctx context.Context, workloads []*Workload) ([]*outcome, error) {
	var outcomes []*outcome
	var failures []error
	for _, w := range workloads {
		fmt.Fprintf(r.progress, "%s ...", w.Name)
		start, before := time.Now(), readClock()
		o, err := r.run(ctx, w)
		if ctx.Err() != nil {
			fmt.Fprintln(r.progress, " interrupted")
			return outcomes, context.Cause(ctx)
		}
		if err != nil {
			fmt.Fprintln(r.progress, " FAILED")
			failures = append(failures, fmt.Errorf("%s: %w", w.Name, err))
			continue
		}
		fmt.Fprintf(r.progress, " %.1f s, others had %.0f %% of the CPUs\n",
			time.Since(start).Seconds(), readClock().othersSince(before)*100)
		outcomes = append(outcomes, o)
	}
	return outcomes, errors.Join(failures...)
}

// run takes all measurements of a workload.
func (r *runner) run(ctx context.Context, w *Workload) (*outcome, error) {
	p := Params{Workers: r.workers, Budget: w.Budget}
	if p.Budget == 0 {
		p.Budget = DefaultBudget
	}
	if w.Prepare != nil {
		w.Prepare(&p)
	}
	o := &outcome{workload: w, note: p.Note, samples: make(map[Role][]Values)}
	roles := w.roles()
	if w.CPython {
		if len(r.pythons) == 0 {
			roles = slices.DeleteFunc(roles, func(r Role) bool { return r == CPython })
		} else {
			var err error
			if o.python, err = r.bestPython(ctx, w, p); err != nil {
				return nil, err
			}
		}
	}
	for i := range r.rounds {
		order := slices.Clone(roles)
		if i%2 == 1 {
			slices.Reverse(order)
		}
		if err := r.round(ctx, o, order, p); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// round takes one measurement of each role.
func (r *runner) round(ctx context.Context, o *outcome, order []Role, p Params) error {
	results := make([]Result, len(order))
	errs := make([]error, len(order))
	measure := func(i int) {
		results[i], errs[i] = r.launcher.launch(ctx, o.workload, order[i], o.python, p)
	}
	if o.workload.Together {
		var wg sync.WaitGroup
		for i := range order {
			wg.Go(func() { measure(i) })
		}
		wg.Wait()
	} else {
		for i := range order {
			if measure(i); errs[i] != nil {
				break
			}
		}
	}
	for i, role := range order {
		if errs[i] != nil {
			return fmt.Errorf("%s: %w", describe(role, o.python), errs[i])
		}
	}
	for i, role := range order {
		o.samples[role] = append(o.samples[role], results[i].Values)
	}
	return nil
}

// describe names a role in errors.
func describe(r Role, p Python) string {
	if r == CPython {
		return fmt.Sprintf("%s %s", r, p.Version)
	}
	return string(r)
}
