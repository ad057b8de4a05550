package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// listed is at most how many files a list names.
const listed = 20

// A report tells what has happened, and judges whether it was what had to.
type report struct {
	w       io.Writer
	tree    *tree
	options options
	passes  []*outcome
	wrong   []string // what was not as it had to be
}

func (r *report) printf(format string, args ...any) { fmt.Fprintf(r.w, format, args...) }

// begin tells what is there to do.
func (r *report) begin() {
	t, o := r.tree, r.options
	r.printf("%s: %s\n", t.root, count(len(t.files), "file"))
	r.list("skipped", t.skipped)
	switch {
	case len(t.files) == 0:
		r.printf("no files: nothing to do\n")
		return
	case o.poison:
		r.printf("poison goes to the processes only: a serial pass would never end, goroutines would crash with the program\n")
	}
	if o.kill > 0 {
		r.printf("%s will be killed (seed %d)\n", count(o.kill, "worker"), o.seed)
	}
	r.printf("\n%-16s %8s %12s %9s %9s\n", "pass", "files", "bytes", "seconds", "speed-up")
}

// list names what was skipped, and why.
func (r *report) list(what string, skips []skip) {
	if len(skips) == 0 {
		return
	}
	r.printf("%s: %d\n", what, len(skips))
	for _, s := range skips[:min(len(skips), listed)] {
		r.printf("  %s: %s\n", r.tree.short(s.path), s.why)
	}
	if more := len(skips) - listed; more > 0 {
		r.printf("  and %d more\n", more)
	}
}

// add tells how a pass went.
func (r *report) add(out *outcome) {
	r.passes = append(r.passes, out)
	files, bytes := 0, int64(0)
	for _, res := range out.results {
		if res.Err == "" {
			files++
			bytes += res.Size
		}
	}
	name := out.name
	if out.name != "serial" {
		name = fmt.Sprintf("%s (%d)", out.name, out.workers)
	}
	r.printf("%-16s %8d %8.1f MiB %9.3f %8.2fx\n", name, files, float64(bytes)/(1<<20),
		out.took.Seconds(), r.passes[0].took.Seconds()/max(out.took.Seconds(), 1e-9))
}

// finish tells about everything else. Its error says what was not as it had to
// be.
func (r *report) finish() error {
	if r.options.poison {
		r.printf("the processes' time includes the time limit of the poison, %v\n", r.options.timeout)
	}
	r.printf("\n")
	first := r.passes[0]
	r.unreadable(first.results)
	for _, out := range r.passes {
		if out.pool != nil {
			r.pool(out)
		}
		r.compare(first, out)
	}
	r.printf("digest %s", summary(first.results))
	if len(r.wrong) == 0 {
		r.printf(": all %d agree\n", len(r.passes))
		return nil
	}
	r.printf(" of the serial pass\n")
	return errors.New(strings.Join(r.wrong, "; "))
}

// unreadable tells which files could not be read.
func (r *report) unreadable(results []result) {
	var skips []skip
	for _, res := range results {
		if res.Err != "" {
			skips = append(skips, skip{res.Path, res.Err})
		}
	}
	r.list("unreadable", skips)
	if len(skips) == len(results) {
		r.printf("none of the files could be read\n")
	}
}

// compare checks that a pass has the same results as the first one.
func (r *report) compare(first, out *outcome) {
	if a, b := summary(first.results), summary(out.results); a != b {
		r.wrong = append(r.wrong, fmt.Sprintf("the digest of %s is %s, that of %s is %s", first.name, a, out.name, b))
	}
	want := make(map[string]result, len(first.results))
	for _, res := range first.results {
		want[res.Path] = res
	}
	var skips []skip
	for _, res := range out.results {
		w, ok := want[res.Path]
		delete(want, res.Path)
		w.PID = res.PID
		switch {
		case !ok:
			skips = append(skips, skip{res.Path, "more than once"})
		case w != res:
			skips = append(skips, skip{res.Path, "not the same"})
		}
	}
	for path := range want {
		skips = append(skips, skip{path, "missing"})
	}
	slices.SortFunc(skips, func(a, b skip) int { return cmp.Compare(a.path, b.path) })
	r.list(fmt.Sprintf("%s differ from %s", out.name, first.name), skips)
	if len(skips) > 0 {
		r.wrong = append(r.wrong, fmt.Sprintf("%s differs in %s; did they change meanwhile?", out.name, count(len(skips), "file")))
	}
}

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

// count is a number with a noun.
func count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "s"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
