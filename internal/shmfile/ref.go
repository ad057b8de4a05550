package shmfile

import (
	"encoding/binary"
	"errors"

	"github.com/multiproc/mp/internal/sys"
)

// A Ref names one block and no other: what a handle is in a message.
// docs/protocol.md has its bytes.
type Ref struct {
	ID   sys.FileID
	Name string
}

// Path is where the block's file is.
func (r Ref) Path() string { return sys.ShmPath(r.Name) }

// Where the parts of an encoded Ref are.
const (
	refDevice = 0
	refInode  = 8
	refName   = 16
)

// Append appends the encoding.
func (r Ref) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, r.ID.Dev)
	dst = binary.BigEndian.AppendUint64(dst, r.ID.Ino)
	return append(dst, r.Name...)
}

var errRef = errors.New("not a reference to shared memory")

// ParseRef reads what Append has written. The name may come from anywhere, so
// it is checked again.
func ParseRef(src []byte) (Ref, error) {
	if len(src) <= refName {
		return Ref{}, errRef
	}
	name := string(src[refName:])
	if bare, err := CheckName(name); err != nil || bare != name {
		return Ref{}, errRef
	}
	return Ref{
		ID: sys.FileID{
			Dev: binary.BigEndian.Uint64(src[refDevice:]),
			Ino: binary.BigEndian.Uint64(src[refInode:]),
		},
		Name: name,
	}, nil
}
