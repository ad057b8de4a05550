// Package protocoltest compares docs/protocol.md with the code. Every table of
// that document which has numbers in it stands below a line
//
//	<!-- table: NAME -->
//
// and a test in the package that owns the numbers reads it by that name. So the
// document, the constants and the golden bytes of the tests can only change
// together.
package protocoltest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Path is where the document is, below the root of the module.
const Path = "docs/protocol.md"

// A Row is a line of a table: cells by the name of their column.
type Row map[string]string

// Table returns the table of that name from the document.
func Table(t testing.TB, name string) []Row {
	t.Helper()
	tables, err := Parse(Document(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(tables[name]) == 0 {
		t.Fatalf("%s has no table %q", Path, name)
	}
	return tables[name]
}

// Numbers returns one column of a table as numbers, by the cells of another.
func Numbers(t testing.TB, name, key, value string) map[string]uint64 {
	t.Helper()
	numbers := make(map[string]uint64)
	for _, row := range Table(t, name) {
		n, err := strconv.ParseUint(row[value], 0, 64)
		if err != nil {
			t.Fatalf("%s, table %q, row %q: %v", Path, name, row[key], err)
		}
		if _, twice := numbers[row[key]]; twice {
			t.Fatalf("%s, table %q: two rows for %q", Path, name, row[key])
		}
		numbers[row[key]] = n
	}
	return numbers
}

// Words returns one column of a table, in the order of the rows.
func Words(t testing.TB, name, column string) []string {
	t.Helper()
	var words []string
	for _, row := range Table(t, name) {
		words = append(words, row[column])
	}
	return words
}

// Document returns the text of the document.
func Document(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Root(t), filepath.FromSlash(Path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Root returns the root directory of the module mp, at or above the working
// directory.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module github.com/multiproc/mp\n") {
			return dir
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("this test runs outside of the module mp")
		}
		dir = filepath.Dir(dir)
	}
}

// Parse returns the marked tables of a document by their names.
func Parse(text string) (map[string][]Row, error) {
	tables := make(map[string][]Row)
	var name string
	var columns []string
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		fail := func(what string) error { return fmt.Errorf("%s:%d: %s", Path, number+1, what) }
		if mark, ok := strings.CutPrefix(line, "<!-- table: "); ok {
			name, columns = strings.TrimSuffix(mark, " -->"), nil
			if _, twice := tables[name]; twice {
				return nil, fail("a second table of the name " + name)
			}
			tables[name] = nil
			continue
		}
		if name == "" {
			continue
		}
		if !strings.HasPrefix(line, "|") {
			if line != "" || len(tables[name]) > 0 {
				if len(tables[name]) == 0 {
					return nil, fail("no table follows the mark " + name)
				}
				name = ""
			}
			continue
		}
		row := cells(line)
		switch {
		case columns == nil:
			columns = row
		case strings.HasPrefix(line, "| ---"):
		case len(row) != len(columns):
			return nil, fail("a row of another length than its table's head")
		default:
			r := make(Row)
			for i, column := range columns {
				r[column] = row[i]
			}
			tables[name] = append(tables[name], r)
		}
	}
	return tables, nil
}

// cells splits a row. Backquotes are for the eye only.
func cells(line string) []string {
	parts := strings.Split(strings.Trim(line, "|"), "|")
	for i := range parts {
		parts[i] = strings.ReplaceAll(strings.TrimSpace(parts[i]), "`", "")
	}
	return parts
}
