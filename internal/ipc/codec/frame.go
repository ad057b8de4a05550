package codec

import (
	"bytes"
	"math"
	"reflect"
	"sync"
)

// frame is what the encoder of a value knows of the values around it. It goes down by value, so that encoding a flat
// type needs no state on the heap.
type frame struct {
	depth int    // arrays and maps open around this value, as Walk counts them
	limit int    // the length that dst must not exceed
	seen  *trail // nil for types whose depth is fixed and that have nothing to take back
}

// maxMessage is MaxMessage; tests lower it.
var maxMessage uint64 = MaxMessage

func newFrame(dst []byte) frame {
	limit := uint64(len(dst)) + maxMessage
	return frame{limit: int(min(limit, math.MaxInt))}
}

// enter returns the frame for what is inside an array or map.
func (f frame) enter(dst []byte) (frame, error) {
	f.depth++
	if f.depth > MaxDepth {
		return f, refuse("nested deeper than %d", MaxDepth)
	}
	return f, f.fits(dst, 0)
}

// fits refuses what would make the message too large. Headers are not counted here: the end of Append looks again.
func (f frame) fits(dst []byte, more int) error {
	if more > f.limit-len(dst) {
		return refuse("the encoding is larger than %d bytes", maxMessage)
	}
	return nil
}

// cycleDepth is the depth from which cycles are looked for: what nests less is encoded without the expense.
const cycleDepth = 64

// visit identifies a pointer, map or slice. The type tells a pointer to a struct from one to its first field.
type visit struct {
	typ reflect.Type
	ptr uintptr
	len int
}

// trail is what has to be remembered while a value is encoded: the pointers, maps and slices between the root and
// where the encoder is, and how to take back what it has done.
type trail struct {
	visits map[visit]struct{}
	undo   []func()
}

var trails = sync.Pool{New: func() any { return &trail{visits: make(map[visit]struct{})} }}

func (t *trail) release() {
	clear(t.visits)
	clear(t.undo)
	t.undo = t.undo[:0]
	trails.Put(t)
}

// note keeps a payload that discard is to be called with if the encoding fails.
func (t *trail) note(discard func([]byte), payload []byte) {
	payload = bytes.Clone(payload)
	t.undo = append(t.undo, func() { discard(payload) })
}

// discard takes back what has been noted. A nil trail has noted nothing.
func (t *trail) discard() {
	if t == nil {
		return
	}
	for _, undo := range t.undo {
		undo()
	}
}

func visitOf(v reflect.Value) visit {
	at := visit{typ: v.Type(), ptr: v.Pointer()}
	if v.Kind() == reflect.Slice {
		at.len = v.Len()
	}
	return at
}

// open notes that v, a pointer, map or slice, is being encoded, and fails if it already is. Its partner is close.
func (f frame) open(v reflect.Value) error {
	if f.depth <= cycleDepth || f.seen == nil {
		return nil
	}
	at := visitOf(v)
	if _, cyclic := f.seen.visits[at]; cyclic {
		return refuse("cyclic value: this %s contains itself", v.Type())
	}
	f.seen.visits[at] = struct{}{}
	return nil
}

func (f frame) close(v reflect.Value) {
	if f.depth > cycleDepth && f.seen != nil {
		delete(f.seen.visits, visitOf(v))
	}
}
