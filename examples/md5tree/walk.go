package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// A tree is what walk has found.
type tree struct {
	root    string
	files   []string // regular files, and links to some
	skipped []skip
}

// A skip says why something was left out.
type skip struct {
	path, why string
}

// walk finds the files below a directory. What cannot be read, or is not a file,
// is skipped, with the reason. Links to directories are not followed, so that a
// loop of them ends nobody's patience. Only a root that cannot be read is an
// error.
func walk(ctx context.Context, root string) (*tree, error) {
	info, err := os.Stat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no directory %s", root)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %s", root, reason(err))
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a directory", root)
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, err
	}
	t := &tree{root: root}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		switch {
		case err != nil && path == root:
			return fmt.Errorf("%s cannot be read: %s", root, reason(err))
		case err != nil:
			t.skip(path, reason(err))
		case d.IsDir():
		case d.Type() == fs.ModeSymlink:
			t.link(path)
		default:
			t.add(path, d.Type())
		}
		return nil
	})
	return t, err
}

// add takes a file of that type in, if it is a regular one.
func (t *tree) add(path string, mode fs.FileMode) {
	if mode.IsRegular() {
		t.files = append(t.files, path)
		return
	}
	t.skip(path, "not a regular file: "+kind(mode))
}

// link takes in what a symbolic link points to.
func (t *tree) link(path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.skip(path, "broken link")
	case err != nil:
		t.skip(path, "broken link: "+reason(err))
	case info.IsDir():
		t.skip(path, "link to a directory, not followed")
	default:
		t.add(path, info.Mode().Type())
	}
}

func (t *tree) skip(path, why string) {
	t.skipped = append(t.skipped, skip{path, why})
}

// short is a path as it is shown: without the root, and quoted if the terminal
// might take it for something else.
func (t *tree) short(path string) string {
	if rel, err := filepath.Rel(t.root, path); err == nil {
		path = rel
	}
	if quoted := strconv.Quote(path); quoted != `"`+path+`"` {
		return quoted
	}
	return path
}

// kind names a type of file.
func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return mode.String()
}

// reason is the text of a file system error without the path, which the report
// has already.
func reason(err error) string {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}
