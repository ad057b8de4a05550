// Lock_file shows multiprocessing.Lock, in its usual program: several
// processes append to one file, and the lock keeps together what each of them
// writes. Half of them take it the short way, as Python's with does, the others
// with Acquire and Release: an Acquire can be given up, for it has a context.
//
// It prints how many lines there are, how many are torn, and of how many blocks
// the file consists: one for each process. Take the lock away to see the
// difference.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/multiproc/mp"
)

// job is the argument: a handle travels in a struct as well.
type job struct {
	Lock *mp.Lock
	File string
	Name string
}

var workerWith = mp.Action(func(_ context.Context, j job) error {
	j.Lock.Lock()
	defer j.Lock.Unlock()
	return j.write()
})

var workerNoWith = mp.Action(func(ctx context.Context, j job) error {
	if err := j.Lock.Acquire(ctx); err != nil {
		return err // then it does not have the lock
	}
	defer j.Lock.Release()
	return j.write()
})

// write appends lines, each in two pieces: those of others could come in between.
func (j job) write() error {
	f, err := os.OpenFile(j.File, os.O_APPEND|os.O_WRONLY, 0)
	for i := 0; i < 10000 && err == nil; i++ {
		if _, err = f.WriteString("hello "); err == nil {
			_, err = f.WriteString(j.Name + "\n")
		}
	}
	return err // the file is closed by the end of the process
}

func main() {
	mp.Main(func(ctx context.Context) error {
		file, err := os.CreateTemp("", "lock_file-*.txt")
		if err != nil {
			return err
		}
		defer os.Remove(file.Name())
		lock, err := mp.NewLock()
		if err != nil {
			return err
		}
		defer lock.Close()
		var children []*mp.Process
		whole := make(map[string]bool) // the lines that there should be
		for _, name := range []string{"one", "two", "three", "four"} {
			task := workerWith
			if len(children)%2 == 1 {
				task = workerNoWith
			}
			p := mp.NewProcess(task.With(job{lock, file.Name(), name}))
			if err := p.Start(); err != nil {
				return err
			}
			children, whole["hello "+name+"\n"] = append(children, p), true
		}
		for _, p := range children {
			if err := p.Join(ctx); err != nil {
				return err
			}
		}

		content, err := os.ReadFile(file.Name())
		lines, torn, blocks, last := 0, 0, 0, ""
		for line := range strings.Lines(string(content)) {
			lines++
			if !whole[line] {
				torn++
			}
			if line != last {
				blocks++
			}
			last = line
		}
		fmt.Printf("lines: %d, torn: %d, blocks: %d\n", lines, torn, blocks)
		return err
	})
}
