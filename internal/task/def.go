package task

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"

	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/travel"
	"github.com/multiproc/mp/internal/worker"
)

// A Def is a registered function.
type Def struct {
	In, Out reflect.Type

	index  int
	fn     uintptr // entry point of the function, for its symbol; 0: it is nil
	nilAt  string  // where the task with a nil function is declared
	named  string  // the name that the user gave it; "": none
	ops    operations
	nameOf func() string

	compile sync.Once
	in, out *codec.Codec
	err     error // why In or Out cannot travel
}

// operations are what only code that knows the types can do.
type operations interface {
	worker.Runner
	// appendArg appends the encoding of a batch with the one item in.
	appendArg(dst []byte, in any) ([]byte, error)
	// once decodes a batch of one item, runs it, and encodes the result likewise.
	once(ctx context.Context, arg []byte, c Custody, finish func(result []byte, err error))
}

// New registers fn. The symbol is that of origin, the function that the user
// wrote, which fn may wrap. If origin is nil, Freeze reports the place from which
// the caller of New was called.
func New[In, Out any](origin any, fn func(context.Context, In) (Out, error)) *Def {
	d := &Def{
		In:  reflect.TypeFor[In](),
		Out: reflect.TypeFor[Out](),
		fn:  reflect.ValueOf(origin).Pointer(),
	}
	if d.fn == 0 {
		if _, file, line, ok := runtime.Caller(2); ok {
			d.nilAt = place(file, line)
		}
	}
	d.ops = &function[In, Out]{def: d, fn: fn}
	d.nameOf = sync.OnceValue(d.defaultName)
	register(d)
	return d
}

// SetName gives the task a name of its own, which stays the same from build to
// build. It panics after Freeze.
func (d *Def) SetName(name string) {
	table.mu.Lock()
	defer table.mu.Unlock()
	if table.frozen {
		panic(lateRegistration("Named(" + name + ")"))
	}
	d.named = name
}

// Index is the task's place in the table.
func (d *Def) Index() int { return d.index }

// Name returns the name that the user gave the task or, by default, the
// function's symbol with its types and, for the n-th task of that name, #n.
func (d *Def) Name() string {
	if d.named != "" {
		return d.named
	}
	return d.nameOf()
}

// defaultName numbers tasks of equal symbols and types in the order of their
// registration: generic instances, method values and inlined helpers share
// symbols.
func (d *Def) defaultName() string {
	base := d.base()
	n := 1
	for _, other := range all()[:d.index] {
		if other.fn == d.fn || other.base() == base {
			if other.In == d.In && other.Out == d.Out && other.named == "" {
				n++
			}
		}
	}
	if n > 1 {
		return fmt.Sprintf("%s#%d", base, n)
	}
	return base
}

func (d *Def) base() string {
	return fmt.Sprintf("%s(%s) %s", d.Symbol(), typeName(d.In), typeName(d.Out))
}

// Place says where the function is, as file:line without directories. Of one that
// is nil it says where the task is declared.
func (d *Def) Place() string {
	if d.nilAt != "" {
		return d.nilAt
	}
	f := runtime.FuncForPC(d.fn)
	if f == nil {
		return "?"
	}
	return place(f.FileLine(d.fn))
}

func place(file string, line int) string {
	return fmt.Sprintf("%s:%d", filepath.Base(file), line)
}

// Symbol returns the name of the function as the linker knows it.
func (d *Def) Symbol() string {
	f := runtime.FuncForPC(d.fn)
	if f == nil {
		return "func"
	}
	return strings.TrimSuffix(f.Name(), "-fm")
}

// typeName is a type's name with the path of its package, where it has one.
func typeName(t reflect.Type) string {
	if t.PkgPath() != "" && t.Name() != "" {
		return t.PkgPath() + "." + t.Name()
	}
	return t.String()
}

// Codecs returns the codecs of the argument and of the result, or why one of
// them cannot travel.
func (d *Def) Codecs() (in, out *codec.Codec, err error) {
	d.compile.Do(func() {
		if d.in, d.err = codec.For(d.In); d.err != nil {
			d.err = fmt.Errorf("argument: %w", d.err)
			return
		}
		if d.out, d.err = codec.For(d.Out); d.err != nil {
			d.err = fmt.Errorf("result: %w", d.err)
		}
	})
	return d.in, d.out, d.err
}

// Runner returns what runs the task's items on a worker.
func (d *Def) Runner() worker.Runner { return d.ops }

// A Custody sees to it that what is referred to lives until it has been decoded, and
// no longer. The zero Custody does nothing.
type Custody struct {
	// Arrived is called when the argument has been decoded, or cannot be.
	Arrived func()
	// Hold has what an encoded result refers to held. Nil: nobody will decode it.
	Hold func(c *codec.Codec, result []byte) error
}

// Once runs the task on an encoded batch of one argument and calls finish with
// the result, encoded likewise, or the error. A panic and an end of the goroutine
// are errors, too; finish is then called while the goroutine unwinds.
func (d *Def) Once(ctx context.Context, arg []byte, c Custody, finish func(result []byte, err error)) {
	d.ops.once(ctx, arg, c, finish)
}

// Unsendable is the error for an argument that cannot be encoded.
func (d *Def) Unsendable(err error) error {
	return fmt.Errorf("mp: the argument of %s (%s) cannot be sent: %w", d.Name(), d.Place(), err)
}

// Bound is a task with its argument.
type Bound struct {
	Def *Def
	In  any
}

// AppendArg appends the argument, encoded as a batch of one item. The luggage is to
// be kept until nobody will decode that any more.
func (b *Bound) AppendArg(dst []byte) ([]byte, travel.Luggage, error) {
	out, err := b.Def.ops.appendArg(dst, b.In)
	if err != nil {
		return dst, nil, b.Def.Unsendable(err)
	}
	in, _, err := b.Def.Codecs()
	if err != nil {
		return dst, nil, b.Def.Unsendable(err)
	}
	luggage, err := travel.Pack(in, out[len(dst):])
	if err != nil {
		return dst, nil, b.Def.Unsendable(err)
	}
	return out, luggage, nil
}
