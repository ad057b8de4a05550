package structure

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// catalogue is how many lines the groups have whose tests exist by now.
var catalogue = map[string]int{
	"PROC": 28, "START": 19, "POOL": 45, "FUT": 36, "FAULT": 18, "LIFE": 12,
	"LOCK": 11, "SEM": 7, "COND": 10, "EV": 5, "BAR": 10, "VAL": 12, "SHM": 16,
	"CONN": 27, "QUEUE": 23, "AUTH": 12,
}

// waiting are the lines that may stand in docs/conformance.md. Take them off here
// when they are off there; there are no reasons to add one.
var waiting = []string{
	"START-01", "START-02", "START-14", "START-15",
	"POOL-21", "POOL-22", "POOL-23", "POOL-41", "FUT-17", "FUT-24", "FUT-28", "FUT-34", "FAULT-12",
	"SEM-07", "EV-05", "BAR-10", "SHM-13",
}

// Each line of the catalogue has a test that bears its number, or stands in
// docs/conformance.md with what it waits for; a line that has a test in full does
// not stand there.
func TestEveryLineIsTestedOrWaits(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "conformance.md"))
	require.NoError(t, err)
	waits := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]+-\d+) \| .* \| (.*) \|$`).FindAllStringSubmatch(string(text), -1) {
		waits[m[1]] = m[2]
	}
	require.NotEmpty(t, waits)
	for id := range waits {
		assert.Contains(t, waiting, id, "the list only ever shrinks")
	}

	tested := make(map[string]bool)
	for _, dir := range []string{"../..", "../../pool", "../../mpnet"} {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			code, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(`func Test([A-Z]+)(\d+)_`).FindAllStringSubmatch(string(code), -1) {
				tested[m[1]+"-"+m[2]] = true
			}
		}
	}
	optional := map[string]bool{"POOL-43": true, "FUT-35": true, "SEM-06": true, "VAL-10": true} // not offered: see docs/guarantees.md
	for group, n := range catalogue {
		for i := 1; i <= n; i++ {
			id := group + "-" + twoDigits(i)
			now, listed := waits[id]
			switch {
			case optional[id]:
			case listed && strings.Contains(now, "no test"):
				assert.False(t, tested[id], "%s has a test: take it off the list", id)
			default:
				assert.True(t, tested[id], "%s has no test", id)
			}
		}
	}
}

// The lines that differ on purpose are the same in both documents, and all have a test
// or are not offered.
func TestDifferencesAreListedAndExplained(t *testing.T) {
	text := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		require.NoError(t, err)
		return string(text)
	}
	_, list, found := strings.Cut(text("conformance.md"), "## What differs on purpose")
	require.True(t, found)
	listed := regexp.MustCompile(`[A-Z]+-\d+`).FindAllString(list, -1)
	_, table, found := strings.Cut(text("guarantees.md"), "## Different from Python on purpose")
	require.True(t, found)
	explained := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]+-\d+) \|`).FindAllStringSubmatch(table, -1) {
		explained[m[1]] = true
	}
	for _, id := range listed {
		assert.True(t, explained[id], "guarantees.md does not say how %s differs", id)
		delete(explained, id)
	}
	assert.Empty(t, explained, "conformance.md does not list them")
}

func twoDigits(n int) string { return string([]byte{'0' + byte(n/10), '0' + byte(n%10)}) }
