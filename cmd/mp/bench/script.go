package bench

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
)

// script is CPython's side of the workloads.
//
//go:embed script/bench.py
var script []byte

// writeScript puts the script into a temporary directory, for CPython's spawn
// imports the main script in every child. The caller calls remove at the end.
func writeScript() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "mp-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("a place for the CPython script: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	path = filepath.Join(dir, "bench.py")
	if err := os.WriteFile(path, script, 0o600); err != nil {
		remove()
		return "", nil, fmt.Errorf("the CPython script: %w", err)
	}
	return path, remove, nil
}
