package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Python is an interpreter: CPython 3.8 or newer.
type Python struct {
	Path    string // the real file
	Version string // as in 3.13.0
	number  [3]int
}

// isPythonName says whether a file is called python3 or python3.N. It is no
// regular expression, because that would be compiled in every process that the
// workloads start.
func isPythonName(name string) bool {
	minor, dotted := strings.CutPrefix(name, "python3.")
	return name == "python3" || dotted && minor != "" && strings.Trim(minor, "0123456789") == ""
}

// FindPythons returns the CPython interpreters of this machine, oldest first:
// those in PATH and those that pyenv has installed, each once.
func FindPythons(ctx context.Context) []Python {
	root := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); root == "" && err == nil {
		root = filepath.Join(home, ".pyenv")
	}
	return identifyAll(ctx, pythonCandidates(filepath.SplitList(os.Getenv("PATH")), root))
}

// pythonCandidates returns the files that may be interpreters, links resolved,
// each once.
func pythonCandidates(path []string, pyenvRoot string) []string {
	var files []string
	for _, dir := range path {
		entries, _ := os.ReadDir(dir) // PATH often has directories that do not exist
		for _, e := range entries {
			if isPythonName(e.Name()) {
				files = append(files, filepath.Join(dir, e.Name()))
			}
		}
	}
	installed, _ := filepath.Glob(filepath.Join(pyenvRoot, "versions", "*", "bin", "python3"))
	files = append(files, installed...)
	var real []string
	for _, f := range files {
		f, err := filepath.EvalSymlinks(f)
		if err != nil || slices.Contains(real, f) {
			continue
		}
		if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			real = append(real, f)
		}
	}
	return real
}

// identifyAll asks the candidates who they are. Those that do not answer, such
// as pyenv's shims for versions that are not active, or that are not what we
// look for, are left out.
func identifyAll(ctx context.Context, candidates []string) []Python {
	answers := make([]*Python, len(candidates))
	var wg sync.WaitGroup
	for i, file := range candidates {
		wg.Go(func() { answers[i] = identify(ctx, file) })
	}
	wg.Wait()
	return distinct(answers)
}

// whoAreYou runs on every Python 3, however old.
const whoAreYou = `import sys, os, json
print(json.dumps([sys.implementation.name, os.path.realpath(sys.executable), list(sys.version_info[:3])]))`

func identify(ctx context.Context, file string) *Python {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := run(ctx, []string{file, "-c", whoAreYou})
	if err != nil {
		return nil
	}
	return parseIdentity(out)
}

// parseIdentity reads the answer to whoAreYou. It returns nil for what is not
// CPython 3.8 or newer.
func parseIdentity(answer []byte) *Python {
	var name, file string
	var v [3]int
	if err := json.Unmarshal(bytes.TrimSpace(answer), &[]any{&name, &file, &v}); err != nil {
		return nil
	}
	if name != "cpython" || v[0] != 3 || v[1] < 8 {
		return nil
	}
	return &Python{Path: file, Version: fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]), number: v}
}

// distinct drops what is nil or there twice (shims, virtual environments), and
// sorts by version.
func distinct(found []*Python) []Python {
	var pythons []Python
	for _, p := range found {
		if p != nil && !slices.ContainsFunc(pythons, func(q Python) bool { return q.Path == p.Path }) {
			pythons = append(pythons, *p)
		}
	}
	slices.SortStableFunc(pythons, func(a, b Python) int {
		return cmp.Or(slices.Compare(a.number[:], b.number[:]), cmp.Compare(a.Path, b.Path))
	})
	return pythons
}
