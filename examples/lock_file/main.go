// Lock_file shows multiprocessing.Lock, in the program of the articles: several
// processes append to one file, and the lock keeps what each of them writes
// together. Half of them take it the short way (Python's with), the others with
// Acquire and Release, which can be given up: its context is the time-out.
//
// It prints how many lines there are, how many are torn, and of how many
// uninterrupted blocks the file consists: as many as there were processes. Take
// the lock away to see the difference.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/multiproc/mp"
)

const (
	processes = 4
	lines     = 1000 // of each process
)

// job is the argument: handles travel in structs, too.
type job struct {
	Lock *mp.Lock
	File string
	Num  int
}

var workerWith = mp.Action(func(_ context.Context, j job) error {
	j.Lock.Lock()
	defer j.Lock.Unlock()
	return j.write("Lock acquired via with")
})

var workerNoWith = mp.Action(func(ctx context.Context, j job) error {
	if err := j.Lock.Acquire(ctx); err != nil {
		return err // then the lock is not held
	}
	defer j.Lock.Release()
	return j.write("Lock acquired directly")
})

// write appends lines, each in three pieces: somebody else's could come in between.
func (j job) write(text string) error {
	f, err := os.OpenFile(j.File, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for range lines {
		for _, piece := range []string{fmt.Sprintf("process %d: ", j.Num), text, "\n"} {
			if _, err := f.WriteString(piece); err != nil {
				return err
			}
		}
	}
	return nil
}

// count looks at the file.
func count(content []byte) (total, torn, blocks int) {
	var last string
	for line := range bytes.Lines(content) {
		var num int
		var how string
		if n, _ := fmt.Sscanf(string(line), "process %d: Lock acquired %s", &num, &how); n != 2 || len(line) < 30 || len(line) > 35 {
			torn++
		}
		if string(line) != last {
			blocks++
		}
		total, last = total+1, string(line)
	}
	return total, torn, blocks
}

func main() {
	mp.Main(func(ctx context.Context) error {
		dir, err := os.MkdirTemp("", "lock_file-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "file.txt")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			return err
		}
		lock, err := mp.NewLock()
		if err != nil {
			return err
		}
		defer lock.Close()
		var children []*mp.Process
		for i := range processes {
			task := workerWith
			if i%2 == 1 {
				task = workerNoWith
			}
			p := mp.NewProcess(task.With(job{lock, file, i + 1}))
			if err := p.Start(); err != nil {
				return err
			}
			children = append(children, p)
		}
		for _, p := range children {
			if err := p.Join(ctx); err != nil {
				return err
			}
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		total, torn, blocks := count(content)
		fmt.Printf("lines: %d, torn: %d, blocks: %d\n", total, torn, blocks)
		return nil
	})
}
