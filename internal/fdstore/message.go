package fdstore

import (
	"encoding/binary"
	"errors"

	"github.com/multiproc/mp/internal/shm"
)

// A request is one message, and so is the answer; then both sides hang up. All words
// are big endian, and a reference is as in the messages of users.
const (
	requestSecret = 0  // 16 bytes
	requestOp     = 16 // u32
	requestCell   = 20 // u32
	requestGen    = 24 // u32: the generation
	requestKind   = 28 // u32
	requestHash   = 32 // u32
	requestSize   = 36

	answerSize = 4 // u32: the status
)

// What a request wants.
const (
	opPut = 1 // keep the descriptor that comes with it
	opGet = 2 // send that one back
)

// What became of it.
const (
	statusDone    = 1
	statusGone    = 2 // there is no such object, or no descriptor of it
	statusFull    = 3 // no room
	statusRefused = 4 // another secret
)

const secretSize = 16

var (
	errRequest = errors.New("not a request")
	errAnswer  = errors.New("the process that keeps file descriptors under way has answered what makes no sense")
)

type request struct {
	secret [secretSize]byte
	op     uint32
	ref    shm.Ref
}

func (r *request) append(dst []byte) []byte {
	dst = append(dst, r.secret[:]...)
	for _, word := range [...]uint32{r.op, r.ref.Cell, r.ref.Generation, uint32(r.ref.Kind), r.ref.Hash} {
		dst = binary.BigEndian.AppendUint32(dst, word)
	}
	return dst
}

func parseRequest(p []byte) (r request, err error) {
	if len(p) != requestSize {
		return r, errRequest
	}
	word := binary.BigEndian.Uint32
	copy(r.secret[:], p[requestSecret:])
	r.op = word(p[requestOp:])
	r.ref = shm.Ref{
		Cell: word(p[requestCell:]), Generation: word(p[requestGen:]),
		Kind: shm.Kind(word(p[requestKind:])), Hash: word(p[requestHash:]),
	}
	return r, nil
}

func appendAnswer(dst []byte, status uint32) []byte {
	return binary.BigEndian.AppendUint32(dst, status)
}

func parseAnswer(p []byte) (status uint32, err error) {
	if len(p) != answerSize {
		return 0, errAnswer
	}
	return binary.BigEndian.Uint32(p), nil
}
