package bench

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// script is CPython's side of the workloads.
//
//go:embed script/*.py
var script embed.FS

// writeScript puts the script into a temporary directory, for CPython's spawn
// imports the main script in every child. The caller calls remove at the end.
func writeScript() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "mp-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("a place for the CPython script: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	files, err := fs.Sub(script, "script")
	if err == nil {
		err = os.CopyFS(dir, files)
	}
	if err != nil {
		remove()
		return "", nil, fmt.Errorf("the CPython script: %w", err)
	}
	return filepath.Join(dir, "bench.py"), remove, nil
}
