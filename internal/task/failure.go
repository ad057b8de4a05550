package task

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/multiproc/mp/internal/ipc/codec"
)

// FailureKind says in which way a task failed.
type FailureKind uint8

// The ways to fail.
const (
	Returned FailureKind = iota // it returned an error
	Panicked                    // it panicked
	Goexited                    // it called runtime.Goexit
	TimedOut                    // it returned an error after its time limit had passed
)

// A Failure is an error as it travels: data that every process can read.
type Failure struct {
	Kind  FailureKind
	Type  string // the dynamic type of the error or of the panic's value
	Text  string
	Stack string // of the goroutine that panicked; for an error, where the task is
	Known []string
	Typed []TypedError
}

// A TypedError is an error whose type was registered.
type TypedError struct {
	Name string
	Data []byte
}

const (
	// The parent reads the failure of a Process when that has ended, so all of it
	// has to fit into a pipe, of 64 KiB.
	maxText  = 16 << 10 // bytes of a failure's text that travel
	maxStack = 16 << 10
	maxTyped = 16 << 10 // bytes of the errors of registered types, all together
	maxKnown = 8 << 10  // bytes of the names of registered errors, all together
	maxType  = 1 << 10  // bytes of a type's name
	maxChain = 1000     // errors of a chain that are looked at
	// perName is what an entry of Known or Typed is charged with besides its bytes,
	// and at least what the encoding of a failure puts around them.
	perName = 16
)

// abnormal is what a panic or an end of the goroutine becomes.
type abnormal struct {
	kind  FailureKind
	value any
	stack string
}

func (e *abnormal) Error() string {
	if e.kind == Goexited {
		return "the task ended its goroutine (runtime.Goexit)"
	}
	return "panic: " + describe(e.value)
}

func (e *abnormal) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// describe formats any value, also one whose own methods panic.
func describe(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("(%T: its own text cannot be had)", v)
		}
	}()
	if err, ok := v.(error); ok {
		return err.Error()
	}
	return fmt.Sprint(v)
}

// caught makes an error of what recover returned in a deferred function that
// found the task not returned. A recovered nil means runtime.Goexit.
func caught(recovered any, stack []byte) error {
	if recovered == nil {
		return &abnormal{kind: Goexited, stack: string(stack)}
	}
	return &abnormal{kind: Panicked, value: recovered, stack: trimPanic(string(stack))}
}

// trimPanic cuts the frames of the recovering code off a stack, so that it
// begins where the panic was.
func trimPanic(stack string) string {
	head, rest, ok := strings.Cut(stack, "\n")
	if !ok {
		return stack
	}
	if i := strings.Index(rest, "\npanic("); i >= 0 {
		rest = rest[i+1:]
		for range 2 { // panic(...) itself, and its line
			if _, after, ok := strings.Cut(rest, "\n"); ok {
				rest = after
			}
		}
	}
	return head + "\n" + rest
}

// timedOut is an error that was returned after the time limit.
type timedOut struct {
	limit time.Duration
	err   error
}

func (e *timedOut) Error() string {
	return fmt.Sprintf("time limit of %v exceeded: %s", e.limit, describe(e.err))
}

func (e *timedOut) Unwrap() error { return e.err }

// Describe makes the Failure of an error. It calls the methods of the user's
// errors only where a panic or a cycle does no harm.
func Describe(err error) *Failure {
	f := &Failure{Type: fmt.Sprintf("%T", err), Text: cut(describe(err), maxText)}
	switch e := err.(type) {
	case *abnormal:
		f.Kind, f.Stack = e.kind, cut(e.stack, maxStack)
		if e.kind == Panicked {
			f.Type = fmt.Sprintf("%T", e.value)
		}
	case *timedOut:
		f.Kind, f.Type = TimedOut, fmt.Sprintf("%T", e.err)
	}
	f.Type = cut(f.Type, maxType)
	f.Known, f.Typed = chain(err)
	return f
}

// Cancelled says whether the error matched context.Canceled. It does not call the
// methods of the user's errors, as errors.Is would.
func (f *Failure) Cancelled() bool { return slices.Contains(f.Known, canceledName) }

// failureCodec is made when it is first needed, for few processes ever fail.
var failureCodec = sync.OnceValue(func() *codec.Codec {
	c, err := codec.For(reflect.TypeFor[Failure]())
	if err != nil {
		panic(err) // a Failure has only strings and bytes
	}
	return c
})

// Encode encodes an error as the body of an error frame.
func Encode(err error) []byte { return Describe(err).Encode() }

// Encode encodes the failure as the body of an error frame.
func (f *Failure) Encode() []byte {
	body, err := codec.Append(failureCodec(), nil, f)
	if err != nil { // cannot be: a Failure has only strings and bytes
		body, _ = codec.Append(failureCodec(), nil, &Failure{Text: err.Error()})
	}
	return body
}

// Decode decodes the body of an error frame.
func Decode(body []byte) (*Failure, error) {
	f := new(Failure)
	if err := failureCodec().Decode(body, reflect.ValueOf(f).Elem()); err != nil {
		return nil, err
	}
	return f, nil
}

// Failure describes an error that the task returned, or that its panic became.
func (d *Def) Failure(err error) *Failure {
	f := Describe(err)
	if f.Stack == "" {
		f.Stack = cut(d.Where(), maxStack)
	}
	return f
}

// Where says where the task's function is, as the stack of an error that it
// returned (a Go error has none of its own).
func (d *Def) Where() string {
	f := runtime.FuncForPC(d.fn)
	if f == nil {
		return ""
	}
	file, line := f.FileLine(d.fn)
	return fmt.Sprintf("returned by %s\n\t%s:%d", d.Symbol(), file, line)
}

func cut(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] + "..."
	}
	return s
}
