// Package structure keeps the rules of the house that no compiler checks.
package structure

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/protocoltest"
)

// maxLines is where a file has outgrown its one idea.
const maxLines = 500

const module = "github.com/multiproc/mp"

// source is a Go file of the tree.
type source struct {
	path    string // below the root, with slashes
	lines   int
	pkg     string
	imports []string
}

// tree returns all Go files, those of the nested modules too.
func tree(t *testing.T) (files []source) {
	t.Helper()
	root := protocoltest.Root(t)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		s := source{path: filepath.ToSlash(below), lines: bytes.Count(text, []byte("\n")), pkg: f.Name.Name}
		for _, i := range f.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			s.imports = append(s.imports, name)
		}
		files = append(files, s)
		return err
	}))
	require.Greater(t, len(files), 50, "the tree has been found")
	return files
}

func (s source) uses(pkg string) bool {
	for _, i := range s.imports {
		if i == pkg || strings.HasPrefix(i, pkg+"/") {
			return true
		}
	}
	return false
}

func TestUnsafeIsOnlyInFilesThatSaySo(t *testing.T) {
	for _, f := range tree(t) {
		name := strings.TrimSuffix(strings.TrimSuffix(f.path, ".go"), "_test")
		assert.False(t, f.uses("unsafe") && !strings.HasSuffix(name, "_unsafe"), "%s imports unsafe: only *_unsafe.go may", f.path)
	}
}

func TestOneDoorToTheOperatingSystem(t *testing.T) {
	for _, f := range tree(t) {
		assert.False(t, f.uses("golang.org/x/sys") && !strings.HasPrefix(f.path, "internal/sys/"),
			"%s imports golang.org/x/sys: only internal/sys may", f.path)
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, f := range tree(t) {
		assert.LessOrEqual(t, f.lines, maxLines, "%s has outgrown its one idea: split it", f.path)
	}
}

// Imports run one way: pool, mp, internal.
func TestImportsRunOneWay(t *testing.T) {
	for _, f := range tree(t) {
		internal := strings.HasPrefix(f.path, "internal/") && f.pkg != "main" // programs for tests are users
		library := internal || strings.HasPrefix(f.path, "pool/") || !strings.Contains(f.path, "/")
		for _, i := range f.imports {
			below, ours := strings.CutPrefix(i, module+"/")
			if internal {
				assert.False(t, i == module || ours && !strings.HasPrefix(below, "internal/"), "%s imports %s", f.path, i)
			}
			test := strings.HasSuffix(f.path, "_test.go")
			if !strings.Contains(f.path, "/") && !test {
				assert.NotEqual(t, "pool", below, "%s imports pool", f.path)
			}
			if !library || test || ours || i == module {
				continue
			}
			if host, _, _ := strings.Cut(i, "/"); strings.Contains(host, ".") {
				known := strings.HasPrefix(i, "golang.org/x/sys/") || strings.HasPrefix(i, "github.com/vmihailenco/msgpack/v5") ||
					strings.HasPrefix(i, "github.com/stretchr/testify/") && f.uses("testing")
				assert.True(t, known, "%s imports %s: what needs more than msgpack and x/sys lives in a module of its own", f.path, i)
			}
		}
	}
}

// Frames and codec do not know who uses them.
func TestLayersOfTheInternals(t *testing.T) {
	for pkg, forbidden := range map[string][]string{
		"internal/sys/":    {"ipc", "ledger", "worker", "task", "spawn", "death", "cpu", "bridge"},
		"internal/ipc/":    {"ledger", "worker", "task", "spawn", "death", "bridge"},
		"internal/ledger/": {"worker", "task", "spawn", "death", "bridge"},
		"internal/worker/": {"task", "spawn", "death", "bridge"},
		"internal/task/":   {"spawn", "death", "bridge"},
		"internal/spawn/":  {"worker", "task", "bridge"},
		"internal/death/":  {"ipc", "ledger", "worker", "task", "spawn", "bridge"},
	} {
		for _, f := range tree(t) {
			if !strings.HasPrefix(f.path, pkg) {
				continue
			}
			for _, other := range forbidden {
				assert.False(t, f.uses(module+"/internal/"+other), "%s imports internal/%s", f.path, other)
			}
		}
	}
}
