// Package travel is how handles on shared objects go from process to process: as
// extensions of the codec that name the object.
//
// A reference in a message does not keep its object alive. Who sends a message
// that is encoded now and read later, when the sender's own handles may have been
// closed, packs its Luggage and keeps it until the message has been dealt with.
//
// A descriptor becomes an object only when it is encoded, and that is kept until the
// message is packed, or the codec discards what it has written.
package travel

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/shm"
)

// The extension types of handles.
const (
	ExtObject        = 16 // on a shared object
	ExtSharedMemory  = 17 // on a block of named shared memory
	ExtShareableList = 18 // the same, with a list in it
	ExtConn          = 19 // on a connection: see PipeSize and SocketSize
	ExtFile          = 20 // on a descriptor: a reference, and the name of the file behind it
)

// The lengths of payloads.
const (
	// Size is that of a reference to a shared object: cell, generation, kind and hash of
	// the type, 32 bits each, big endian.
	Size = 16
	// PipeSize is that of one end of a pipe: two references, to what it sends to and to
	// what it takes from, of which one may be all zeros.
	PipeSize = 2 * Size
	// SocketSize is that of a connection over a socket: the reference to its
	// descriptor, and the size of the largest message that it receives, 64 bits, big
	// endian; 0: there is no limit.
	SocketSize = Size + 8
)

var errNoReference = errors.New("not a reference to a shared object")

// Append appends the payload of a reference.
func Append(dst []byte, r shm.Ref) []byte {
	for _, word := range [...]uint32{r.Cell, r.Generation, uint32(r.Kind), r.Hash} {
		dst = binary.BigEndian.AppendUint32(dst, word)
	}
	return dst
}

// Parse reads the payload of a reference.
func Parse(payload []byte) (shm.Ref, error) {
	if len(payload) != Size {
		return shm.Ref{}, errNoReference
	}
	word := func(i int) uint32 { return binary.BigEndian.Uint32(payload[4*i:]) }
	return shm.Ref{Cell: word(0), Generation: word(1), Kind: shm.Kind(word(2)), Hash: word(3)}, nil
}

// Luggage is what keeps the objects alive that a message refers to.
type Luggage []*shm.Object

// Pack returns the luggage of what c has encoded; nil if it refers to nothing. It has
// to be called for all that is encoded, also if it is of no use any more: descriptors
// that were put under way for it are then in the luggage, or let go.
func Pack(c *codec.Codec, encoded []byte) (l Luggage, err error) {
	if !c.Carries() {
		return nil, nil
	}
	err = codec.EachSpecial(encoded, func(ext int8, payload []byte) error {
		refs, err := references(ext, payload)
		for _, r := range refs {
			if err == nil {
				err = l.open(r)
			}
		}
		return err
	})
	if err != nil {
		l.Drop()
		_ = codec.EachSpecial(encoded, func(_ int8, payload []byte) error {
			Discard(payload)
			return nil
		})
		return nil, err
	}
	return l, nil
}

// references returns the objects that an extension refers to.
func references(ext int8, payload []byte) ([]shm.Ref, error) {
	switch ext {
	case ExtObject:
		r, err := Parse(payload)
		return []shm.Ref{r}, err
	case ExtConn:
		if len(payload) == SocketSize {
			r, err := first(payload)
			return []shm.Ref{r}, err
		}
		refs, err := ParseConn(payload)
		return slices.DeleteFunc(refs[:], func(r shm.Ref) bool { return r == shm.Ref{} }), err
	case ExtFile:
		r, err := first(payload)
		return []shm.Ref{r}, err
	}
	return nil, nil
}

// ParseConn reads the payload of a handle on a pipe's end: the references to what it
// sends to and to what it takes from.
func ParseConn(payload []byte) (refs [2]shm.Ref, err error) {
	if len(payload) != PipeSize {
		return refs, errNoReference
	}
	for i := range refs {
		if refs[i], err = Parse(payload[i*Size : (i+1)*Size]); err != nil {
			return refs, err
		}
	}
	return refs, nil
}

// open adds the object that r refers to.
func (l *Luggage) open(r shm.Ref) error {
	o, err := takeFresh(r), error(nil)
	if o == nil {
		o, err = shm.Open(r)
	}
	if err == nil {
		*l = append(*l, o)
	}
	return err
}

// Drop lets the objects go.
func (l Luggage) Drop() {
	for _, o := range l {
		_ = o.Drop()
	}
}

// Cells returns the numbers of the objects' cells.
func (l Luggage) Cells() (cells []uint32) {
	for _, o := range l {
		cells = append(cells, o.Index())
	}
	return cells
}
