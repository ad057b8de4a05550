package tracker

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/multiproc/mp/internal/sys"
)

// A File is a path, and which file has to have it in order to be removed: what a
// tracker is told. docs/protocol.md has its bytes.
type File struct {
	// ID of zeros is whatever has the path, which is then one that nobody else uses:
	// so it can be announced before there is a file.
	ID   sys.FileID
	Path string
}

// Where the parts of an encoded File are.
const (
	fileDevice = 0
	fileInode  = 8
	filePath   = 16
)

// maxPath is the longest path, in bytes.
const maxPath = 4095

var errFile = errors.New("not a file to be removed")

// appendTo appends the encoding.
func (f File) appendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, f.ID.Dev)
	dst = binary.BigEndian.AppendUint64(dst, f.ID.Ino)
	return append(dst, f.Path...)
}

// parseFile reads what appendTo has written.
func parseFile(src []byte) (File, error) {
	if len(src) <= filePath {
		return File{}, errFile
	}
	f := File{Path: string(src[filePath:])}
	if !filepath.IsAbs(f.Path) || len(f.Path) > maxPath || strings.IndexByte(f.Path, 0) >= 0 {
		return File{}, errFile
	}
	f.ID.Dev = binary.BigEndian.Uint64(src[fileDevice:])
	f.ID.Ino = binary.BigEndian.Uint64(src[fileInode:])
	return f, nil
}

// remove removes the file, or the directory if it is empty, unless another one has
// the path by now. (Between the look and the act another process could put another
// one there; the system has no call that does both.)
func (f File) remove() {
	if id, err := sys.LookupFile(f.Path); err == nil && (f.ID == id || f.ID == sys.FileID{}) {
		_ = os.Remove(f.Path)
	}
}
