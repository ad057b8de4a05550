package task

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc/codec"
)

// emptyTable lets a test register tasks of its own.
func emptyTable(t *testing.T) {
	t.Helper()
	table.mu.Lock()
	defer table.mu.Unlock()
	defs, frozen := table.defs, table.frozen
	table.defs, table.frozen = nil, false
	t.Cleanup(func() {
		table.mu.Lock()
		defer table.mu.Unlock()
		table.defs, table.frozen = defs, frozen
	})
}

func pure[In, Out any](fn func(In) Out) *Def {
	return New[In, Out](fn, func(_ context.Context, in In) (Out, error) { return fn(in), nil })
}

func double(x int) int          { return 2 * x }
func identity[T any](x T) T     { return x }
func wrongArg(chan int) int     { return 0 }
func wrongResult(x int) secrets { return secrets{hidden: x} }

type secrets struct{ Open, hidden int }

type counter struct{ N int }

func (c counter) add(x int) int { return c.N + x }

const here = "github.com/multiproc/mp/internal/task."

func TestNames(t *testing.T) {
	emptyTable(t)
	assert.Equal(t, here+"double(int) int", pure(double).Name())
	assert.Equal(t, here+"double(int) int#2", pure(double).Name(), "the second of that name")
	assert.Equal(t, here+"double(int) int#3", pure(double).Name())
	assert.Equal(t, here+"identity[...](int) int", pure(identity[int]).Name())
	assert.Equal(t, here+"identity[...](string) string", pure(identity[string]).Name(), "the types tell them apart")
	one, two := counter{1}, counter{2}
	assert.Equal(t, here+"counter.add(int) int", pure(one.add).Name(), "a method value, without the compiler's -fm")
	assert.Equal(t, here+"counter.add(int) int#2", pure(two.add).Name())
	assert.Equal(t, here+"identity[...]("+here+"counter) "+here+"counter", pure(identity[counter]).Name(), "with the path of the package")
	for i := range 2 {
		name := pure(func(x int) int { return x + i }).Name()
		assert.Contains(t, name, here+"TestNames.func")
		assert.Equal(t, i == 1, strings.HasSuffix(name, "#2"), name)
	}
	named := pure(double)
	named.SetName("double")
	assert.Equal(t, "double", named.Name())
	assert.Equal(t, here+"double(int) int#4", pure(double).Name(), "a task with a name of its own does not count")
	require.NoError(t, Freeze())
}

func TestIndexAndLookup(t *testing.T) {
	emptyTable(t)
	first, second := pure(double), pure(double)
	assert.Equal(t, 0, first.Index())
	assert.Equal(t, 1, second.Index())
	got, err := Lookup(1)
	require.NoError(t, err)
	assert.Same(t, second, got)
	for _, index := range []int{-1, 2, 1 << 30} {
		_, err := Lookup(index)
		assert.ErrorIs(t, err, ErrNotRegistered)
		assert.ErrorContains(t, err, fmt.Sprintf("number %d of 2", index))
	}
}

func TestFreezeReportsAllFaultsAtOnce(t *testing.T) {
	emptyTable(t)
	pure(double).SetName("a")
	pure(identity[int]).SetName("a")
	pure(identity[string]).SetName("b")
	pure(double).SetName("b")
	pure(wrongArg)
	pure(wrongResult)
	undone := pure[int, int](nil)
	err := Freeze()
	require.Error(t, err)
	text := err.Error()
	assert.Len(t, strings.Split(text, "\n"), 5, text)
	assert.Regexp(t, `^registry_test.go:\d+$`, undone.Place(), "where it is declared")
	assert.Contains(t, text, "task func(int) int ("+undone.Place()+"): its function is nil")
	assert.Contains(t, text, `the name "a" is given to both `+here+"double (registry_test.go:")
	assert.Contains(t, text, `the name "b" is given to both `)
	assert.Contains(t, text, "wrongArg(chan int) int (registry_test.go:")
	assert.Contains(t, text, "argument: chan int")
	assert.Contains(t, text, "wrongResult(int) "+here+"secrets (registry_test.go:")
	assert.Contains(t, text, "hidden")
}

func TestNothingIsRegisteredAfterFreeze(t *testing.T) {
	emptyTable(t)
	d := pure(double)
	require.NoError(t, Freeze())
	assert.PanicsWithValue(t, lateRegistration(here+"identity[...]"), func() { pure(identity[int]) })
	assert.PanicsWithValue(t, lateRegistration("Named(x)"), func() { d.SetName("x") })
	assert.Contains(t, lateRegistration("x"), "package-level variables")
	require.NoError(t, Freeze(), "freezing twice is nothing")
	Close()
}

func TestSumTellsTablesApart(t *testing.T) {
	sums := make(map[uint64]string)
	for name, declare := range map[string]func(){
		"empty":        func() {},
		"double":       func() { pure(double) },
		"twice":        func() { pure(double); pure(double) },
		"named":        func() { pure(double).SetName("n") },
		"other types":  func() { pure(identity[int]) },
		"other string": func() { pure(identity[string]) },
		"an order":     func() { pure(double); pure(identity[int]) },
		"the other":    func() { pure(identity[int]); pure(double) },
	} {
		t.Run(name, func(t *testing.T) {
			emptyTable(t)
			declare()
			sum := Sum()
			assert.Equal(t, sum, Sum())
			assert.Empty(t, sums[sum], "the same sum")
			sums[sum] = name
		})
	}
}

func TestOnce(t *testing.T) {
	emptyTable(t)
	structs := New[counter, []string](double, func(_ context.Context, c counter) ([]string, error) {
		return []string{fmt.Sprint(c.N)}, nil
	})
	for d, want := range map[*Def]any{pure(double): 14, structs: []string{"7"}} {
		in := any(7)
		if d == structs {
			in = counter{7}
		}
		arg, _, err := (&Bound{d, in}).AppendArg([]byte("before"))
		require.NoError(t, err)
		result, err := once(t, d, arg[len("before"):])
		require.NoError(t, err)
		_, c, err := d.Codecs()
		require.NoError(t, err)
		switch want := want.(type) {
		case int:
			var got [1]int
			require.NoError(t, codec.DecodeItems(c, result, got[:]))
			assert.Equal(t, want, got[0])
		case []string:
			var got [1][]string
			require.NoError(t, codec.DecodeItems(c, result, got[:]))
			assert.Equal(t, want, got[0])
		}
	}
	_, err := once(t, pure(double), []byte{0xc1})
	assert.ErrorContains(t, err, "the argument of "+here+"double(int) int#2 (registry_test.go:")
	assert.ErrorContains(t, err, "arrived, but cannot be decoded")
}

func TestAnyMayBeNil(t *testing.T) {
	emptyTable(t)
	d := pure(func(v any) string { return fmt.Sprint(v) })
	for _, in := range []any{nil, 5, "x"} {
		arg, _, err := (&Bound{d, in}).AppendArg(nil)
		require.NoError(t, err)
		result, err := once(t, d, arg)
		require.NoError(t, err)
		_, c, _ := d.Codecs()
		var got [1]string
		require.NoError(t, codec.DecodeItems(c, result, got[:]))
		assert.Equal(t, fmt.Sprint(in), got[0])
	}
}

func TestUnencodableValuesAreErrors(t *testing.T) {
	emptyTable(t)
	d := pure(func(v any) any { return make(chan int) })
	_, _, err := (&Bound{d, func() {}}).AppendArg([]byte("x"))
	assert.ErrorContains(t, err, "mp: the argument of ")
	arg, _, err := (&Bound{d, 1}).AppendArg(nil)
	require.NoError(t, err)
	_, err = once(t, d, arg)
	assert.ErrorContains(t, err, "the result of ")
	assert.ErrorContains(t, err, "cannot be sent")
}

func TestTypeName(t *testing.T) {
	assert.Equal(t, "int", typeName(reflect.TypeFor[int]()))
	assert.Equal(t, here+"counter", typeName(reflect.TypeFor[counter]()))
	assert.Equal(t, "[]task.counter", typeName(reflect.TypeFor[[]counter]()))
}

// keep holds results that refer to nothing.
func keep(*codec.Codec, []byte) error { return nil }

// once runs a task as a child does, on a goroutine that the task may end.
func once(t *testing.T, d *Def, arg []byte) (result []byte, err error) {
	done := make(chan struct{})
	go func() {
		d.Once(t.Context(), arg, Custody{Hold: keep}, func(r []byte, e error) {
			result, err = r, e
			close(done)
		})
	}()
	<-done
	return result, err
}
