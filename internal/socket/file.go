package socket

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/multiproc/mp/internal/sys"
)

// A Tracker removes files if this process ends without having done so, in whatever
// way: *tracker.Client is one. An id of zeros is whatever has the path.
type Tracker interface {
	Add(path string, id sys.FileID) error
	Remove(path string, id sys.FileID)
}

// A file is one that was made for a listener: a socket or a directory.
type file struct {
	path    string // absolute: Chdir must not lose it
	id      sys.FileID
	tracker Tracker // nil: nobody is to remove it but this process
}

// noFile is the id of no file. To announce it has no effect but that what removes files
// is there: so there is nothing to wait for between a file and its announcement.
var noFile = sys.FileID{Dev: ^uint64(0), Ino: ^uint64(0)}

// makeFile has create make the file at path, and t remove it at the end. If the path
// is nobody else's, t knows of the file before it is there.
func makeFile(t Tracker, path string, ours bool, create func() error) (*file, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if t != nil {
		before := noFile
		if ours {
			before = sys.FileID{}
		}
		if err := t.Add(path, before); err != nil {
			return nil, err
		}
		defer t.Remove(path, before)
	}
	if err := create(); err != nil {
		return nil, err
	}
	f := &file{path: path, tracker: t}
	if f.id, err = sys.LookupFile(path); err == nil && t != nil {
		if err = t.Add(path, f.id); err != nil {
			_ = os.Remove(path)
		}
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// remove removes the file, unless another has taken its place. That of nil does
// nothing.
func (f *file) remove() (err error) {
	if f == nil {
		return nil
	}
	if id, lost := sys.LookupFile(f.path); lost == nil && id == f.id {
		if err = os.Remove(f.path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if f.tracker != nil && err == nil {
		f.tracker.Remove(f.path, f.id)
	}
	return err
}

// maxTries bounds the search for a free name.
const maxTries = 100

// makeDir makes a new directory, which only this user can enter, or, with everybody,
// all can who know its name.
func makeDir(t Tracker, everybody bool) (*file, error) {
	perm := fs.FileMode(0o700)
	if everybody {
		perm = 0o711
	}
	for try := 1; ; try++ {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		path := filepath.Join(os.TempDir(), "mp-"+hex.EncodeToString(b[:]))
		dir, err := makeFile(t, path, true, func() error { return os.Mkdir(path, 0o700) })
		if errors.Is(err, fs.ErrExist) && try < maxTries {
			continue
		}
		if err == nil {
			if err = os.Chmod(path, perm); err != nil { // the umask had its say
				_ = dir.remove()
				return nil, err
			}
		}
		return dir, err
	}
}
