package shmfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"syscall"

	"github.com/multiproc/mp/internal/headroom"
	"github.com/multiproc/mp/internal/sys"
)

// A Block is a block as one process holds it.
type Block struct {
	Ref
	Size int64
	Mapping
}

const (
	// reserveStep is how much is reserved in one call. A signal makes the kernel
	// give up the call and undo it; a call for all of a large block might never
	// come to its end.
	reserveStep = 16 << 20
	// maxTries bounds the search for a free name.
	maxTries = 1000
)

// Options is what Create does besides. Nil functions are not called.
type Options struct {
	// Fill writes what is in the block from the first moment that others see it.
	Fill func(mem []byte) error
	// Announce is called before the block gets its name, and Withdraw if it does
	// not get it after all: whoever is to remove it knows it before it exists.
	Announce func(Ref) error
	Withdraw func(Ref)
}

// Create makes a block of size bytes, all zero, with a name that is checked, or
// "" for a new one. A name that is taken is fs.ErrExist. After an error nothing
// is left.
func Create(name string, size int64, o Options) (*Block, error) {
	if size <= 0 || size > math.MaxInt {
		return nil, fmt.Errorf("shared memory %s: a size of %d bytes: %w", label(name), size, fs.ErrInvalid)
	}
	if name != "" {
		if _, err := sys.ShmLookup(name); err == nil { // before anything is reserved
			return nil, taken(name)
		}
	}
	f, err := sys.ShmTemp()
	if err != nil {
		return nil, wrap(name, err)
	}
	defer f.Close()
	if err := reserve(f, size); err != nil {
		return nil, fmt.Errorf("shared memory %s: no room for %d bytes: %w", label(name), size, err)
	}
	b := &Block{Size: size}
	if b.ID, _, err = sys.Identify(f); err != nil {
		return nil, wrap(name, err)
	}
	if b.mem, err = sys.MapShared(f, int(size)); err != nil {
		return nil, wrap(name, err)
	}
	if o.Fill != nil {
		err = o.Fill(b.mem)
	}
	if err == nil {
		err = b.publish(f, name, o)
	}
	if err != nil {
		_, _ = b.Close()
		return nil, err
	}
	return b, nil
}

// publish gives the block its name.
func (b *Block) publish(f *os.File, name string, o Options) error {
	for try := 1; ; try++ {
		b.Name = name
		if name == "" {
			b.Name = NewName()
		}
		if o.Announce != nil {
			if err := o.Announce(b.Ref); err != nil {
				return wrap(b.Name, err)
			}
		}
		err := sys.ShmLink(f, b.Name)
		if err == nil {
			return nil
		}
		if o.Withdraw != nil {
			o.Withdraw(b.Ref)
		}
		if !errors.Is(err, fs.ErrExist) {
			return wrap(b.Name, err)
		}
		if name != "" || try == maxTries {
			return taken(b.Name)
		}
	}
}

// reserve gives a file its size and all its pages.
func reserve(f *os.File, size int64) error {
	if limit := sys.FileSizeLimit(); uint64(size) > limit { // to ask the system would be a signal
		return fmt.Errorf("the limit of this process is %d bytes (ulimit -f): %w", limit, syscall.EFBIG)
	}
	if free, limited := sys.ShmFree(); limited && uint64(size) > free {
		return fmt.Errorf("%d bytes are free in /dev/shm: %w", free, syscall.ENOSPC)
	}
	if err := enoughMemory(size); err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); at < size; at += reserveStep {
		if err := sys.Reserve(f, at, min(reserveStep, size-at)); err != nil {
			return err
		}
	}
	return nil
}

// enoughMemory refuses what the machine, or a control group, has no memory for.
// There the system does not refuse: it kills.
func enoughMemory(size int64) error {
	if free, bound := headroom.Available(); free < uint64(size) {
		return fmt.Errorf("%d bytes are left (%s): %w", free, bound, syscall.ENOMEM)
	}
	return nil
}

func taken(name string) error { return fmt.Errorf("shared memory %s: %w", Quote(name), fs.ErrExist) }

func wrap(name string, err error) error {
	return fmt.Errorf("shared memory %s: %w", label(name), err)
}

// label is the name for an error, also of a block that has none yet.
func label(name string) string {
	if name == "" {
		return "without a name"
	}
	return Quote(name)
}
