package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// reported returns the report of passes with these results, and its judgement.
func reported(passes ...*outcome) (string, error) {
	var w bytes.Buffer
	r := &report{w: &w, tree: &tree{root: "/r"}}
	r.options.kill = 2
	for _, out := range passes {
		r.add(out)
	}
	err := r.finish()
	return w.String(), err
}

func TestReport(t *testing.T) {
	a, b := result{Path: "/r/a", Size: 1 << 20}, result{Path: "/r/b", Err: "permission denied"}
	text, err := reported(
		&outcome{name: "serial", results: []result{a, b}, took: 3 * time.Second},
		&outcome{name: "goroutines", workers: 2, results: []result{b, a}, took: time.Second})
	require.NoError(t, err)
	require.Contains(t, text, "serial                  1      1.0 MiB     3.000     1.00x\n")
	require.Contains(t, text, "goroutines (2)          1      1.0 MiB     1.000     3.00x\n")
	require.Contains(t, text, "unreadable: 1\n  b: permission denied\n")
	require.Contains(t, text, "all 2 agree\n")
}

func TestReportFindsWhatDiffers(t *testing.T) {
	a, b, c := result{Path: "/r/a"}, result{Path: "/r/b"}, result{Path: "/r/c"}
	text, err := reported(
		&outcome{name: "serial", results: []result{a, b}},
		&outcome{name: "goroutines", results: []result{c, c, {Path: "/r/a", Size: 1}}})
	require.ErrorContains(t, err, "goroutines differs in 4 files")
	require.ErrorContains(t, err, "the digest of serial is")
	require.Contains(t, text, "  a: not the same\n  b: missing\n  c: more than once\n  c: more than once\n")
	require.NotContains(t, text, "agree")
}

func TestReportShortensLists(t *testing.T) {
	var results []result
	for i := range 50 {
		results = append(results, result{Path: fmt.Sprint("/r/", i), Err: "gone"})
	}
	text, err := reported(&outcome{name: "serial", results: results})
	require.NoError(t, err)
	require.Contains(t, text, "  19: gone\n  and 30 more\nnone of the files could be read\n")
}

func TestReportOfThePool(t *testing.T) {
	items := []item{{Path: "/r/a"}, {Path: segfault.String(), Poison: segfault, Index: 1}, {Path: "/r/b", Index: 2}, {Path: "/r/c", Index: 3}}
	died := &pool.WorkerDiedError{PID: 12, ExitCode: 2, LastWords: "oops\n\ngoroutine 1:\nruntime.x()\n\tx.go:1\nmain.crash()\n\t/x/crash.go:17 +0x1\n"}
	out := &outcome{name: "processes", workers: 2, results: []result{{Path: "/r/a", PID: 11}, {Path: "/r/b", PID: 11}}, pool: &poolOutcome{
		items:    items,
		kills:    []kill{{pid: 11}, {pid: 13}, {pid: 14}},
		starts:   starts{last: map[int]int{11: 2, 13: 0}, pids: map[int][]int{1: {11, 12}}},
		failures: []failure{{items[1], died}, {items[3], errors.New("no reason")}},
		killErr:  errors.New("no worker was left to kill"),
	}}
	text, err := reported(&outcome{name: "serial", results: out.results}, out)
	require.ErrorContains(t, err, "c failed: no reason")
	require.ErrorContains(t, err, "3 instead of 2 workers were killed: no worker was left")
	for _, want := range []string{
		"killed pid 11 between two items\n",
		"killed pid 13 in the middle of a, which pid 11 ran again\n",
		"killed pid 14 before it had done anything\n",
		"started by pid 11, 12\n",
		"its last words name main.crash() at /x/crash.go:17\n",
	} {
		require.Contains(t, text, want)
	}
}

func TestReportMissesNoPoison(t *testing.T) {
	unharmed := &poolOutcome{items: []item{{Path: neverEnds.String(), Poison: neverEnds}}}
	_, err := reported(&outcome{name: "serial"}, &outcome{name: "processes", pool: unharmed})
	require.ErrorContains(t, err, "(poison: a step that never ends) did not fail")

	unharmed.failures = []failure{{unharmed.items[0], errors.New("something else")}}
	_, err = reported(&outcome{name: "serial"}, &outcome{name: "processes", pool: unharmed})
	require.ErrorContains(t, err, "something else")

	unharmed.failures = []failure{{unharmed.items[0], fmt.Errorf("stopped: %w", mp.ErrTimeout)}}
	_, err = reported(&outcome{name: "serial"}, &outcome{name: "processes", pool: unharmed})
	require.NoError(t, err)
}

func TestCount(t *testing.T) {
	require.Equal(t, "1 file", count(1, "file"))
	require.Equal(t, "0 files", count(0, "file"))
	require.Equal(t, "2 processes", count(2, "process"))
}
