package worker

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/multiproc/mp/internal/ipc"
)

// CallHead is the size of what precedes the arguments in the body of a call:
// the function's index in the registry (4 bytes), the number of items (4), the
// time limit of each item (8, nanoseconds, 0: none), the time left until the
// caller's deadline (8, nanoseconds, 0: none), and padding (2), behind which a
// block of fixed-size arguments is aligned, so that it can be used where it is.
const CallHead = 26

// A Call is a request to run items of one function.
type Call struct {
	Func      int
	Items     int
	Limit     time.Duration // for each item, from its start; 0: none
	Remaining time.Duration // until the caller's deadline; 0: none
}

// AppendHead appends the head of a call's body.
func (c Call) AppendHead(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(c.Func))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(c.Items))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(c.Limit))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(c.Remaining))
	return append(dst, 0, 0)
}

// ParseCall splits the body of a call into its head and the arguments.
func ParseCall(body []byte) (c Call, args []byte, err error) {
	if len(body) < CallHead {
		return Call{}, nil, fmt.Errorf("call of %d bytes: %w", len(body), ipc.ErrProtocol)
	}
	c = Call{
		Func:      int(binary.LittleEndian.Uint32(body)),
		Items:     int(binary.LittleEndian.Uint32(body[4:])),
		Limit:     time.Duration(binary.LittleEndian.Uint64(body[8:])),
		Remaining: time.Duration(binary.LittleEndian.Uint64(body[16:])),
	}
	if c.Items <= 0 || c.Limit < 0 || c.Remaining < 0 {
		return Call{}, nil, fmt.Errorf("call of %d items with limits %v and %v: %w", c.Items, c.Limit, c.Remaining, ipc.ErrProtocol)
	}
	return c, body[CallHead:], nil
}

// ResumeSize is the size of the body of a resume frame: the gate's epoch.
const ResumeSize = 2

// AppendResume appends a resume frame.
func AppendResume(dst []byte, next uint64, epoch uint16) []byte {
	start := len(dst)
	dst = ipc.BeginFrame(dst, ipc.KindResume, next)
	dst = binary.LittleEndian.AppendUint16(dst, epoch)
	_ = ipc.EndFrame(dst, start) // two bytes are never too many
	return dst
}

// ParseResume reads the body of a resume frame.
func ParseResume(body []byte) (epoch uint16, err error) {
	if len(body) != ResumeSize {
		return 0, fmt.Errorf("resume of %d bytes: %w", len(body), ipc.ErrProtocol)
	}
	return binary.LittleEndian.Uint16(body), nil
}
