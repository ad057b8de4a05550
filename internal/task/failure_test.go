package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// arrive sends an error as another process would get it.
func arrive(t *testing.T, err error) *Failure {
	t.Helper()
	type result struct {
		f   *Failure
		err error
	}
	done := make(chan result, 1)
	go func() {
		f, err := Decode(Encode(err))
		done <- result{f, err}
	}()
	select {
	case r := <-done:
		require.NoError(t, r.err)
		return r.f
	case <-time.After(10 * time.Second):
		t.Fatal("the failure is still being described")
		return nil
	}
}

// is says whether the receiver finds target.
func is(f *Failure, target error) bool { return errors.Is(errors.Join(f.Causes()...), target) }

var errOurs = errors.New("ours")

type typed struct{ Code int }

func (e typed) Error() string { return fmt.Sprintf("code %d", e.Code) }

type pointed struct{ Path string }

func (e *pointed) Error() string { return e.Path }

func init() {
	RegisterError("task.ours", errOurs)
	RegisterErrorType[typed]()
	RegisterErrorType[*pointed]()
	RegisterErrorType[cyclicTyped]()
}

func TestKnownErrorsArrive(t *testing.T) {
	_, noFile := os.Open("/nowhere/at/all")
	for _, test := range []struct {
		err     error
		targets []error
	}{
		{io.EOF, []error{io.EOF}},
		{fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), []error{io.ErrUnexpectedEOF}},
		{noFile, []error{fs.ErrNotExist, syscall.ENOENT, os.ErrNotExist}},
		{errors.Join(errOurs, context.Canceled), []error{errOurs, context.Canceled}},
		{fmt.Errorf("a: %w, b: %w", io.EOF, fmt.Errorf("c: %w", errOurs)), []error{io.EOF, errOurs}},
		{&os.PathError{Op: "read", Path: "x", Err: syscall.EIO}, []error{syscall.EIO}},
		{context.DeadlineExceeded, []error{context.DeadlineExceeded}},
		{os.ErrDeadlineExceeded, []error{os.ErrDeadlineExceeded}},
	} {
		f := arrive(t, test.err)
		assert.Equal(t, test.err.Error(), f.Text)
		assert.Equal(t, fmt.Sprintf("%T", test.err), f.Type)
		assert.Equal(t, Returned, f.Kind)
		for _, target := range test.targets {
			assert.True(t, is(f, target), "%v in %v", target, test.err)
		}
		assert.False(t, is(f, io.ErrClosedPipe))
	}
}

func TestTypedErrorsArriveWithTheirFields(t *testing.T) {
	joined := errors.Join(arrive(t, fmt.Errorf("x: %w", errors.Join(typed{7}, &pointed{"/etc"}))).Causes()...)
	var byValue typed
	require.ErrorAs(t, joined, &byValue)
	assert.Equal(t, 7, byValue.Code)
	var byPointer *pointed
	require.ErrorAs(t, joined, &byPointer)
	assert.Equal(t, "/etc", byPointer.Path)
	var errno syscall.Errno
	require.ErrorAs(t, errors.Join(arrive(t, syscall.EPERM).Causes()...), &errno)
	assert.Equal(t, syscall.EPERM, errno)
}

func TestCausesOfAnUnfriendlyFailure(t *testing.T) {
	f := &Failure{
		Known: []string{"no.such", "", "io.EOF"},
		Typed: []TypedError{{"no.such", nil}, {"", nil}, {errnoName, []byte{1}}, {typeNameOf[typed](), []byte{0xc1}}},
	}
	assert.Equal(t, []error{io.EOF}, f.Causes())
}

func typeNameOf[T error]() string {
	registered().mu.RLock()
	defer registered().mu.RUnlock()
	var zero T
	for t, name := range registered().typeOf {
		if t.String() == fmt.Sprintf("%T", zero) {
			return name
		}
	}
	return "?"
}

// Errors whose methods misbehave.

type cyclic struct{}

func (cyclic) Error() string   { return "cyclic" }
func (e cyclic) Unwrap() error { return e }

type fan struct{ name string }

func (e *fan) Error() string   { return e.name }
func (e *fan) Unwrap() []error { return []error{e, e, errOurs, e} }

type cyclicTyped struct{ Deep int }

func (cyclicTyped) Error() string   { return "cyclic" }
func (e cyclicTyped) Unwrap() error { return e }

type endless struct{ depth int }

func (e endless) Error() string { return "endless" }
func (e endless) Unwrap() error { return endless{e.depth + 1} }

type uncomparable struct{ list []int }

func (uncomparable) Error() string { return "uncomparable" }

type holder struct{ v any }

func (holder) Error() string { return "holder" }

type panics struct{ in string }

func (e panics) Error() string {
	if e.in == "Error" {
		panic("in Error")
	}
	return "text"
}

func (e panics) Unwrap() error {
	if e.in == "Unwrap" {
		panic("in Unwrap")
	}
	return errOurs
}

func (e panics) Is(error) bool {
	if e.in == "Is" {
		panic("in Is")
	}
	return false
}

func (e panics) As(any) bool {
	if e.in == "As" {
		panic("in As")
	}
	return false
}

func TestMisbehavingErrorsStillArrive(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		text string
		ours bool
	}{
		"a cycle":             {cyclic{}, "cyclic", false},
		"a fan of cycles":     {&fan{"fan"}, "fan", true},
		"an endless chain":    {endless{}, "endless", false},
		"uncomparable":        {uncomparable{[]int{1}}, "uncomparable", false},
		"holding a slice":     {holder{[]int{1}}, "holder", false},
		"panic in Error":      {panics{"Error"}, "(task.panics: its own text cannot be had)", true},
		"panic in Unwrap":     {panics{"Unwrap"}, "text", false},
		"panic in Is":         {panics{"Is"}, "text", false},
		"panic in As":         {panics{"As"}, "text", true},
		"a nil pointer":       {(*pointed)(nil), "(*task.pointed: its own text cannot be had)", false},
		"joined with nothing": {errors.Join(nil, errOurs), "ours", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := arrive(t, test.err)
			assert.Equal(t, test.text, f.Text)
			assert.Equal(t, test.ours, is(f, errOurs))
		})
	}
}

func TestChainOfACycleIsShort(t *testing.T) {
	f := arrive(t, cyclicTyped{1})
	assert.Len(t, f.Typed, 1)
	f = arrive(t, errors.Join(typed{1}, typed{1}, typed{2}))
	assert.Len(t, f.Typed, 2)
}

func TestLongTextsAreCut(t *testing.T) {
	f := arrive(t, errors.New(strings.Repeat("x", maxText+1)))
	assert.Equal(t, strings.Repeat("x", maxText)+"...", f.Text)
	f = arrive(t, errors.New(strings.Repeat("y", maxText)))
	assert.Equal(t, strings.Repeat("y", maxText), f.Text)
	f = arrive(t, errors.New("not \xff UTF-8"))
	assert.Equal(t, "not \xff UTF-8", f.Text)
}

// caughtIn runs fn as a task is run, and returns what its end became.
func caughtIn(fn func()) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		returned := false
		defer func() {
			if !returned {
				err = caught(recover(), debug.Stack())
			}
		}()
		fn()
		returned = true
	}()
	<-done
	return err
}

func explode(v any) { panic(v) }

type badStringer struct{}

func (badStringer) String() string { panic("in String") }

func TestPanicsArriveWithTheirStack(t *testing.T) {
	f := arrive(t, caughtIn(func() { explode("boom") }))
	assert.Equal(t, Panicked, f.Kind)
	assert.Equal(t, "panic: boom", f.Text)
	assert.Equal(t, "string", f.Type)
	lines := strings.Split(f.Stack, "\n")
	require.Greater(t, len(lines), 2)
	assert.Contains(t, lines[0], "goroutine ")
	assert.Contains(t, lines[1], "task.explode", "the stack begins where the panic was")

	f = arrive(t, caughtIn(func() { explode(fmt.Errorf("wrapped: %w", errOurs)) }))
	assert.Equal(t, "panic: wrapped: ours", f.Text)
	assert.Equal(t, "*fmt.wrapError", f.Type)
	assert.True(t, is(f, errOurs))

	var none map[string]int
	f = arrive(t, caughtIn(func() { none["x"] = 1 }))
	assert.Equal(t, "runtime.plainError", strings.Replace(f.Type, "runtime.plainErrorString", "runtime.plainError", 1))
	assert.Contains(t, f.Text, "assignment to entry in nil map")

	f = arrive(t, caughtIn(func() { explode(nil) }))
	assert.Equal(t, Panicked, f.Kind, "panic(nil) is a panic")

	f = arrive(t, caughtIn(func() { explode(badStringer{}) }))
	assert.Contains(t, f.Text, "panic: ")
	f = arrive(t, caughtIn(func() { explode(panics{"Error"}) }))
	assert.Equal(t, "panic: (task.panics: its own text cannot be had)", f.Text)

	f = arrive(t, caughtIn(runtime.Goexit))
	assert.Equal(t, Goexited, f.Kind)
	assert.Contains(t, f.Text, "runtime.Goexit")
	assert.NoError(t, caughtIn(func() {}))
}

func TestTimedOut(t *testing.T) {
	f := arrive(t, &timedOut{limit: time.Second, err: fmt.Errorf("late: %w", context.DeadlineExceeded)})
	assert.Equal(t, TimedOut, f.Kind)
	assert.Equal(t, "time limit of 1s exceeded: late: context deadline exceeded", f.Text)
	assert.Equal(t, "*fmt.wrapError", f.Type)
	assert.True(t, is(f, context.DeadlineExceeded))
}

func TestFailureOfATaskSaysWhereItIs(t *testing.T) {
	emptyTable(t)
	f := pure(double).Failure(errOurs)
	assert.Contains(t, f.Stack, "returned by "+here+"double")
	assert.Contains(t, f.Stack, "registry_test.go:")
}

func TestRegisterErrorRefuses(t *testing.T) {
	assert.Panics(t, func() { RegisterError("", errOurs) })
	assert.Panics(t, func() { RegisterError("task.nil", nil) })
	assert.PanicsWithValue(t, `mp: RegisterError("io.EOF"): the name is taken`, func() { RegisterError("io.EOF", errors.New("another")) })
	assert.Panics(t, func() { RegisterError("task.uncomparable", uncomparable{}) })
	assert.Panics(t, func() { RegisterErrorType[holderOfChan]() })
	RegisterErrorType[typed]() // a second time is nothing
}

func TestNoErrorIsRegisteredAfterFreeze(t *testing.T) {
	emptyTable(t)
	require.NoError(t, Freeze())
	late := errors.New("late")
	assert.PanicsWithValue(t, lateError(`RegisterError("task.late")`), func() { RegisterError("task.late", late) })
	assert.PanicsWithValue(t, lateError("RegisterErrorType[task.lateTyped]"), RegisterErrorType[lateTyped])
	assert.False(t, is(Describe(late), late), "it is not half registered either")
	assert.Empty(t, Describe(lateTyped{}).Typed)
}

type lateTyped struct{}

func (lateTyped) Error() string { return "" }

type holderOfChan struct{ C chan int }

func (holderOfChan) Error() string { return "" }

func TestFailureGoldenBytes(t *testing.T) {
	f := &Failure{Kind: Panicked, Type: "T", Text: "x", Stack: "s", Known: []string{"k"}, Typed: []TypedError{{"n", []byte{9}}}}
	assert.Equal(t, []byte{0x96, 1, 0xa1, 'T', 0xa1, 'x', 0xa1, 's', 0x91, 0xa1, 'k', 0x91, 0x92, 0xa1, 'n', 0xc4, 1, 9}, f.Encode())
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode(errors.Join(errOurs, typed{1}, syscall.EIO)))
	f.Add((&Failure{Known: []string{"io.EOF"}, Typed: []TypedError{{errnoName, []byte{1, 2, 3}}}}).Encode())
	f.Add([]byte{0x96, 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		if failure, err := Decode(body); err == nil {
			failure.Causes()
		}
	})
}
