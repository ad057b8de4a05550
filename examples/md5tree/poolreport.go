package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// pool tells what happened in the pool.
func (r *report) pool(out *outcome) {
	po := out.pool
	s := po.stats
	r.printf("pool: ready after %s; %s", milliseconds(po.ready), r.shares(out.results))
	r.printf("; %s died, %s run again\n", count(int(s.Died), "worker"), count(int(s.Retried), "item"))
	r.kills(out)
	for _, f := range po.failures {
		r.failure(po, f)
	}
	r.missing(po)
}

// shares tells how much each worker has done.
func (r *report) shares(results []result) string {
	files := make(map[int]int)
	for _, res := range results {
		files[res.PID]++
	}
	return count(len(files), "process") + " did the work"
}

// kills tells what became of the workers that were killed.
func (r *report) kills(out *outcome) {
	po := out.pool
	doneBy := make(map[string]int, len(out.results))
	for _, res := range out.results {
		doneBy[res.Path] = res.PID
	}
	for _, k := range po.kills {
		r.printf("  %s: killed pid %d ", milliseconds(k.at), k.pid)
		index, worked := po.starts.last[k.pid]
		if !worked {
			r.printf("before it had done anything\n")
			continue
		}
		it := po.items[index]
		switch pid := doneBy[it.Path]; {
		case pid == k.pid:
			r.printf("between two items\n")
		case pid != 0:
			r.printf("in the middle of %s, which pid %d ran again\n", r.short(it), pid)
		default:
			r.printf("in the middle of %s\n", r.short(it))
		}
	}
	if po.killErr != nil {
		r.wrong = append(r.wrong, fmt.Sprintf("%d instead of %s were killed: %v", len(po.kills), count(r.options.kill, "worker"), po.killErr))
	}
}

// failure tells about an item that failed, and whether it had to.
func (r *report) failure(po *poolOutcome, f failure) {
	r.printf("  %s\n", r.short(f.item))
	pids := po.starts.pids[f.item.Index]
	if len(pids) > 0 {
		r.printf("    started by pid %s\n", join(pids))
	}
	r.printf("    %v\n", f.err)
	var died *pool.WorkerDiedError
	if errors.As(f.err, &died) {
		r.printf("    its last words name %s\n", cmp.Or(place(died.LastWords), "no place"))
	}
	expected := f.item.Poison == neverEnds && errors.Is(f.err, mp.ErrTimeout) || f.item.Poison == segfault && died != nil
	if !expected {
		r.wrong = append(r.wrong, fmt.Sprintf("%s failed: %v", r.short(f.item), f.err))
	}
}

// missing checks that no poison went unnoticed.
func (r *report) missing(po *poolOutcome) {
	for _, it := range po.items {
		failed := slices.ContainsFunc(po.failures, func(f failure) bool { return f.item.Index == it.Index })
		if it.Poison != 0 && !failed {
			r.wrong = append(r.wrong, it.Path+" did not fail")
		}
	}
}

// short is the name of an item in the report.
func (r *report) short(it item) string {
	if it.Poison != 0 {
		return it.Path
	}
	return r.tree.short(it.Path)
}

// place finds the innermost function of this program in the stack of a crash.
func place(words string) string {
	_, rest, found := strings.Cut(words, "\nmain.")
	function, rest, _ := strings.Cut(rest, "\n")
	if !found {
		return ""
	}
	where, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return fmt.Sprintf("main.%s at %s", function, where)
}

func join(pids []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(pids), " ", ", "), "[]")
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
