package codec

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ErrMalformed is matched by every error of decoding: the bytes are not an encoding of the type.
var ErrMalformed = errors.New("malformed message")

// TypeError says why a type cannot travel.
type TypeError struct {
	Type   reflect.Type // the type that was asked for
	Path   string       // the first part of it that is in the way, such as Job.Items[].Next.C; empty: the type itself
	Reason string       // a sentence that names the part, its type and the remedy; more of them if more fields are
}

func (e *TypeError) Error() string { return e.Type.String() + ": " + e.Reason }

// ValueError says why a value cannot be encoded, or bytes cannot be decoded.
type ValueError struct {
	Path   string // the part of the value, such as Job.Items[3].Name; may be empty
	Reason string
	Err    error // the cause, if any: ErrMalformed, the error of a user's method, or both
}

func (e *ValueError) Error() string {
	text := e.Reason
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *ValueError) Unwrap() error { return e.Err }

// fault is an error on its way up. Every level that knows a name adds it (see within), so that a path costs nothing
// as long as all goes well.
type fault struct {
	path   []string // innermost first
	reason string
	err    error
	left   int // decoding: the bytes from the offending one to the end
}

func (f *fault) Error() string { return f.reason }

// within adds a step, such as ".Name" or "[3]", to the path of a fault.
func within(err error, step string) error {
	if f, ok := err.(*fault); ok {
		f.path = append(f.path, step)
	}
	return err
}

func withinIndex(err error, i int) error { return within(err, fmt.Sprintf("[%d]", i)) }

// refuse is a fault of encoding.
func refuse(format string, args ...any) error {
	return &fault{reason: fmt.Sprintf(format, args...)}
}

// malformed is a fault of decoding at the start of src.
func malformed(src []byte, format string, args ...any) error {
	return &fault{reason: fmt.Sprintf(format, args...), err: ErrMalformed, left: len(src)}
}

// mismatch is the fault that src does not begin with what was expected.
func mismatch(src []byte, want string) error {
	return malformed(src, "expected %s, found %s", want, describe(src))
}

// miscounted is the fault that src does not begin with an array or map, or with one whose items, of at least unit bytes
// each, cannot all be present.
func miscounted(src []byte, fam family, unit int) error {
	if h, ok := parseHeader(src); ok && h.family == fam {
		return malformed(src, "%d items of at least %d bytes, with %d bytes left", h.n, unit, len(src)-h.size)
	}
	return mismatch(src, familyNames[fam])
}

// encodeError makes what a caller of Append sees.
func encodeError(t reflect.Type, err error) error {
	f, ok := err.(*fault)
	if !ok {
		return &ValueError{Path: rootName(t), Reason: "cannot be encoded", Err: err}
	}
	return &ValueError{Path: joinPath(rootName(t), f.path), Reason: f.reason, Err: f.err}
}

// decodeError makes what a caller of Decode sees; total is the length of the whole message.
func decodeError(t reflect.Type, err error, total int) error {
	f, ok := err.(*fault)
	if !ok {
		f = &fault{reason: "cannot be decoded", err: err, left: total}
	}
	cause := f.err
	if !errors.Is(cause, ErrMalformed) {
		cause = fmt.Errorf("%w: %w", ErrMalformed, cause)
	}
	reason := fmt.Sprintf("%s at offset %d", f.reason, total-f.left)
	return &ValueError{Path: joinPath(rootName(t), f.path), Reason: reason, Err: cause}
}

// rootName is what a path begins with: the name of a defined type, nothing for int, []Job and the like.
func rootName(t reflect.Type) string {
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.PkgPath() == "" {
		return ""
	}
	return t.Name()
}

// longPath is the number of steps from which a path is shown without its middle.
const longPath = 24

// joinPath joins root and the steps, which come innermost first.
func joinPath(root string, steps []string) string {
	var b strings.Builder
	b.WriteString(root)
	for i := len(steps) - 1; i >= 0; i-- {
		if skipped := len(steps) - longPath; skipped > 0 && i == len(steps)-1-longPath/2 {
			fmt.Fprintf(&b, "...(%d more)...", skipped)
			i -= skipped - 1
			continue
		}
		b.WriteString(steps[i])
	}
	return strings.TrimPrefix(b.String(), ".")
}
