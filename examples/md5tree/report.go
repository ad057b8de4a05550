package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
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
	lost    error    // why the report itself is not complete
}

func (r *report) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(r.w, format, args...); err != nil {
		r.lost = err
	}
}

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
		return r.lost
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
