// Shared_memory shows multiprocessing.shared_memory: a block of memory and a list,
// both with a name by which every program on the machine finds them. The parent
// makes them, a child in Go changes them, then a script in Python.
//
// It prints the block and the list after each of the two; python3 is skipped if it
// is not installed, or older than 3.9.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/multiproc/mp"
)

var child = mp.Func2(func(_ context.Context, block *mp.SharedMemory, name string) (mp.None, error) {
	mem, release := block.Bytes() // the same bytes that the parent has
	copy(mem, "hello from Go")
	release()

	list, err := mp.OpenShareableList(name) // by its name, as a stranger would
	if err != nil {
		return mp.None{}, err
	}
	defer list.Close()
	return mp.None{}, errors.Join(list.Set(0, "from Go"), list.Set(1, -273.154), list.Set(3, nil))
})

// Whoever attaches to a block in Python has it unlinked at his end, unless he
// takes it off the list of what he has to clean up.
const script = `
import sys
if sys.version_info < (3, 9):
    print("python3: skipped: older than 3.9")
    sys.exit()
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory, ShareableList
block, items = SharedMemory(sys.argv[1]), ShareableList(name=sys.argv[2])
for shm in block, items.shm:
    resource_tracker.unregister(shm._name, "shared_memory")
block.buf[:17] = b"hello from Python"
items[0], items[2] = "from Python", items[2] * 2
print("python3 sees", list(items))
`

func show(block *mp.SharedMemory, list *mp.ShareableList) error {
	mem, release := block.Bytes()
	defer release()
	fmt.Printf("%s:", bytes.TrimRight(mem, "\x00"))
	for item, err := range list.All() {
		if err != nil {
			return err
		}
		fmt.Printf(" %v", item)
	}
	fmt.Println()
	return nil
}

func main() {
	mp.Main(func(ctx context.Context) error {
		// AutoUnlink: the names are gone when this process is, even if it is killed.
		block, err := mp.CreateSharedMemory("", 17, mp.AutoUnlink())
		if err != nil {
			return err
		}
		defer block.Unlink()
		list, err := mp.NewShareableList("", []any{"howdy, stranger", 0.0, 21, true}, mp.AutoUnlink())
		if err != nil {
			return err
		}
		defer list.Unlink()

		if _, err := mp.Run(ctx, child.With(mp.Pack2(block, list.Name()))); err != nil {
			return err
		}
		if err := show(block, list); err != nil {
			return err
		}
		python := exec.CommandContext(ctx, "python3", "-c", script, block.Name(), list.Name())
		python.Stdout, python.Stderr = os.Stdout, os.Stdout
		if err := python.Run(); errors.Is(err, exec.ErrNotFound) {
			fmt.Println("python3: skipped: not installed")
			return nil
		} else if err != nil {
			return err
		}
		return show(block, list)
	})
}
