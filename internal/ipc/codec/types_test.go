package codec

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type (
	badNext struct{ C chan int }
	badItem struct{ Next *badNext }
	badJob  struct{ Items []badItem }
	hidden  struct {
		Name string
		mu   sync.Mutex
	}
	base     struct{ A int }
	embeds   struct{ base }
	holdsMu  struct{ Cfg hidden }
	promotes struct {
		time.Time
		name string
	}
)

func TestTypeErrors(t *testing.T) {
	_ = &new(hidden).mu
	_ = promotes{}.name
	for _, c := range []struct {
		v            any
		path, reason string
	}{
		{badJob{}, "badJob.Items[].Next.C", "field badJob.Items[].Next.C (chan int) cannot travel: a channel"},
		{(*holdsMu)(nil), "holdsMu.Cfg.mu", "field holdsMu.Cfg.mu (sync.Mutex) works among the goroutines of one process only: leave it out, or use"},
		{embeds{}, "embeds.base", "is unexported: export it, give codec.embeds the methods MarshalBinary and UnmarshalBinary, or send a type that does not have it"},
		{struct{ M sync.Mutex }{}, "M", "field M (sync.Mutex) works among the goroutines"},
		{new(atomic.Int64), "", "send the value that it holds"},
		{struct{ T []ticket[int] }{}, "T[]", "field T[] (codec.ticket[int]) is a handle, which cannot be copied: use *codec.ticket[int]"},
		{ticket[int]{}, "", "is a handle, which cannot be copied: use *codec.ticket[int]"},
		{promotes{}, "promotes.name", "is unexported"},
		{[]hidden(nil), "[].mu", "field [].mu (sync.Mutex)"},
		{map[string]func(){}, "[]", "a function is no data"},
		{map[hiddenKey]int{}, "[key].a", "is unexported"},
		{make(chan int), "", "a channel belongs"},
		{complex64(1), "", "complex"}, {complex(1, 1), "", "complex"},
		{uintptr(1), "", "address"}, {reflect.ValueOf(new(int)).UnsafePointer(), "", "address"},
		{struct{ E error }{}, "E", "is an error"},
		{struct{ S fmt.Stringer }{}, "S", "of the interfaces only any"},
		{&struct{ P **chan int }{}, "P", "channel"},
	} {
		typ := reflect.TypeOf(c.v)
		_, err := For(typ)
		var te *TypeError
		require.ErrorAs(t, err, &te, "%v", typ)
		assert.Equal(t, typ, te.Type)
		assert.Equal(t, c.path, te.Path)
		assert.Contains(t, te.Reason, c.reason)
		assert.Equal(t, typ.String()+": "+te.Reason, err.Error())
		_, again := For(typ)
		assert.Equal(t, err, again)
	}
	_, err := For(nil)
	assert.Error(t, err)
	_, err = marshal(make(chan int))
	assert.Error(t, err)
}

type hiddenKey struct{ a int }

// lateText travels as text only, and contains a type that refers back to it.
type (
	lateText struct {
		Back *lateBack
		n    int
	}
	lateBack struct{ Of *lateText }
	doomed   struct {
		Back *doomedBack
		C    chan int
	}
	doomedBack struct{ Of *doomed }
)

func (l lateText) MarshalText() ([]byte, error) { return fmt.Append(nil, l.n), nil }
func (l *lateText) UnmarshalText(b []byte) error {
	_, err := fmt.Sscan(string(b), &l.n)
	return err
}

func TestFallBackWithinRecursion(t *testing.T) {
	type both struct {
		A lateText
		B lateBack
	}
	v := both{lateText{nil, 5}, lateBack{&lateText{nil, 6}}}
	assert.Equal(t, v, roundTrip(t, v))
	type taken struct {
		A doomed
		B doomedBack
	}
	_, err := Of[taken]()
	assert.ErrorContains(t, err, "taken.A.C")
	_, err = Of[doomedBack]()
	assert.ErrorContains(t, err, "doomedBack.Of.C")
}

func TestRawSize(t *testing.T) {
	_ = hiddenKey{}.a
	for _, c := range []struct {
		v    any
		size int
	}{
		{int64(1), 8}, {int8(1), 1}, {byte(1), 0}, {true, 1}, {point{}, 16}, {packed{}, int(reflect.TypeFor[packed]().Size())}, {[3]int16{}, 6},
		{[2]byte{}, 2}, {time.Second, 8}, {"", 0}, {struct{}{}, 0}, {[0]int{}, 0}, {job{}, 0}, {[]int{}, 0}, {new(int), 0},
		{time.Time{}, 0}, {wild{}, 0}, {struct {
			A uint32
			_ [0]int32
		}{}, 8}, {any(nil), 0},
	} {
		typ := reflect.TypeOf(c.v)
		if typ == nil {
			typ = reflect.TypeFor[any]()
		}
		codec, err := For(typ)
		require.NoError(t, err)
		assert.Equal(t, c.size, codec.RawSize(), "%v", typ)
		assert.Equal(t, typ, codec.Type())
	}
}

type handle struct{ id int }

func TestSpecial(t *testing.T) {
	s := Special{
		Ext: FirstSpecialExt + 1,
		Append: func(dst []byte, v reflect.Value) ([]byte, error) {
			return append(dst, make([]byte, v.Interface().(*handle).id)...), nil
		},
		Decode: func(payload []byte, v reflect.Value) error {
			if len(payload) == 13 {
				return fmt.Errorf("unlucky")
			}
			v.Set(reflect.ValueOf(&handle{len(payload)}))
			return nil
		},
	}
	typ := reflect.TypeFor[*handle]()
	_, err := For(reflect.TypeFor[[]handle]())
	require.Error(t, err)
	RegisterSpecial(typ, s)
	t.Cleanup(func() { delete(specials.byType, typ) })
	type arg struct {
		H    *handle
		More map[string]*handle
		PP   **handle
	}
	v := arg{&handle{3}, map[string]*handle{"a": nil, "b": {255}, "c": {256}, "d": {70000}}, ptr((*handle)(nil))}
	assert.Equal(t, v, roundTrip(t, v))
	src, err := marshal(arg{H: &handle{13}})
	require.NoError(t, err)
	_, err = unmarshal[arg](src)
	assert.ErrorIs(t, err, ErrMalformed)
	assert.EqualError(t, err, "arg.H: *codec.handle at offset 1: malformed message: unlucky")

	assert.Panics(t, func() { RegisterSpecial(typ, s) })
	assert.Panics(t, func() { RegisterSpecial(reflect.TypeFor[handle](), Special{}) })
	assert.Panics(t, func() {
		RegisterSpecial(reflect.TypeFor[handle](), Special{Ext: 3, Append: s.Append, Decode: s.Decode})
	})
	assert.Panics(t, func() { RegisterSpecial(reflect.TypeFor[arg](), s) })
}

func TestMisuse(t *testing.T) {
	c, err := Of[int]()
	require.NoError(t, err)
	_, err = c.Append(nil, reflect.ValueOf("x"))
	assert.EqualError(t, err, "a value of type string met the codec of int")
	_, err = c.Append(nil, reflect.Value{})
	assert.Error(t, err)
	_, err = c.Append(nil, reflect.ValueOf(hiddenKey{1}).Field(0))
	assert.ErrorContains(t, err, "unexported field")
	assert.ErrorContains(t, c.Decode([]byte{1}, reflect.ValueOf(1)), "not settable")
	assert.Error(t, c.Decode([]byte{1}, reflect.Value{}))
	s := ""
	_, err = Append(c, nil, &s)
	assert.Error(t, err)
	assert.Error(t, Decode(c, []byte{1}, &s))
	assert.Error(t, c.DecodeAlias([]byte{1}, reflect.ValueOf(&s).Elem()))
	_, err = AppendItems(c, nil, []string{})
	assert.Error(t, err)
	assert.Error(t, DecodeItems(c, []byte{1}, []string{}))
	_, err = AliasItems[string](c, []byte{1}, 1)
	assert.Error(t, err)
	_, err = AliasItems[int](c, []byte{1}, -1)
	assert.Error(t, err)
}

func TestAllFaultsOfAStructAreNamed(t *testing.T) {
	type bad struct {
		Inner []map[string]struct{ c int }
		Fine  int
		F     func()
		Ch    chan int
	}
	_, err := Of[bad]()
	var fault *TypeError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, "bad.Inner[][].c", fault.Path)
	for _, part := range []string{"bad.Inner[][].c (int) is unexported: export it, or send a type that does not have it;", "bad.F (func())", "bad.Ch (chan int)"} {
		assert.ErrorContains(t, err, part)
	}
	assert.NotContains(t, err.Error(), "MarshalBinary", "a type without a name cannot have methods")
}
