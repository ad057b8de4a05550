package shmfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/multiproc/mp/internal/sys"
)

// ErrReplaced says that the name is that of another block by now. It matches
// fs.ErrNotExist, for the block that was meant has no name any more.
var ErrReplaced error = replacedError{}

type replacedError struct{}

func (replacedError) Error() string        { return "it has been unlinked, and another block has its name" }
func (replacedError) Is(target error) bool { return target == fs.ErrNotExist }

// Open opens the block that has a checked name. A name that is not there is
// fs.ErrNotExist.
func Open(name string) (*Block, error) { return open(name, nil) }

// Open opens the block that r refers to. If it has been unlinked meanwhile the
// error matches fs.ErrNotExist.
func (r Ref) Open() (*Block, error) { return open(r.Name, &r.ID) }

func open(name string, want *sys.FileID) (*Block, error) {
	f, err := sys.ShmOpen(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(name)
	}
	if err != nil {
		return nil, wrap(name, err)
	}
	defer f.Close()
	b := &Block{Ref: Ref{Name: name}}
	if b.ID, b.Size, err = sys.Identify(f); err != nil {
		return nil, wrap(name, err)
	}
	switch {
	case want != nil && *want != b.ID:
		return nil, wrap(name, ErrReplaced)
	case b.Size == 0:
		return nil, wrap(name, errors.New("it is empty: its creator has not given it a size, or has been killed before"))
	case b.Size > math.MaxInt:
		return nil, wrap(name, sys.ErrTooLarge)
	}
	if b.mem, err = sys.MapShared(f, int(b.Size)); err != nil {
		return nil, wrap(name, err)
	}
	return b, nil
}

// Unlink takes the block's name away. If the block does not have it any more the
// error matches fs.ErrNotExist, and whatever has that name stays. (Between the
// look and the act another process could put another block there; the system has
// no call that does both.)
func (r Ref) Unlink() error {
	id, err := sys.ShmLookup(r.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(r.Name)
	case err != nil:
		return wrap(r.Name, err)
	case id != r.ID:
		return wrap(r.Name, ErrReplaced)
	}
	err = sys.ShmUnlink(r.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(r.Name)
	case err != nil:
		return wrap(r.Name, err)
	}
	return nil
}

func missing(name string) error {
	return fmt.Errorf("shared memory %s: %w", Quote(name), fs.ErrNotExist)
}
