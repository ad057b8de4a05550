package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// A journal is a file in which the workers note what they start with, before
// they do: so that it can be told afterwards what a worker was doing that was
// killed, and what was run again. The pool needs no such thing; it is evidence
// from outside.
type journal struct {
	path string
}

// newJournal creates a journal in a directory of its own.
func newJournal() (*journal, error) {
	dir, err := os.MkdirTemp("", "md5tree-")
	if err != nil {
		return nil, err
	}
	return &journal{filepath.Join(dir, "journal")}, nil
}

// remove deletes the journal. It may be nil.
func (j *journal) remove() {
	if j != nil {
		_ = os.RemoveAll(filepath.Dir(j.path))
	}
}

// openJournals are those that this process notes in: at most one in practice.
var openJournals struct {
	sync.Mutex
	files map[string]*os.File
}

// note appends this process and the index to the journal at path. Lines are
// shorter than any write can be torn at.
func note(path string, index int) error {
	if path == "" {
		return nil
	}
	f, err := openJournal(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%d %d\n", os.Getpid(), index)
	return err
}

func openJournal(path string) (*os.File, error) {
	openJournals.Lock()
	defer openJournals.Unlock()
	if f := openJournals.files[path]; f != nil {
		return f, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if openJournals.files == nil {
		openJournals.files = make(map[string]*os.File)
	}
	openJournals.files[path] = f
	return f, nil
}

// starts is what a journal says.
type starts struct {
	last map[int]int   // by pid: the index that it started with last
	pids map[int][]int // by index: the processes that started with it, in order
}

// read reads the journal. Of a nil one there is nothing to read.
func (j *journal) read() (starts, error) {
	s := starts{last: make(map[int]int), pids: make(map[int][]int)}
	if j == nil {
		return s, nil
	}
	text, err := os.ReadFile(j.path)
	if err != nil {
		return s, err
	}
	for line := range bytes.Lines(text) {
		var pid, index int
		if _, err := fmt.Sscanf(string(line), "%d %d\n", &pid, &index); err != nil {
			return s, fmt.Errorf("the journal has the line %q: %w", line, err)
		}
		s.last[pid] = index
		s.pids[index] = append(s.pids[index], pid)
	}
	return s, nil
}
