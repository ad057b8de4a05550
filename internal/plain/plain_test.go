package plain

import (
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

type point struct{ X, Y float64 }

type pair[A, B any] struct {
	First  A
	Second B
}

type limit struct {
	Value int
	Name  string
}

type config struct {
	Size   int
	Limits [4]limit
}

type (
	label string
	node  struct {
		Value int
		Next  *node
	}
	tree   []tree
	hidden struct {
		a int8
		_ [7]byte
		b struct{ _, c uint64 }
	}
)

var _ = []any{hidden{}.a, hidden{}.b} // nobody else reads them, which is the point

// rawPointer is unsafe.Pointer, by way of a type that consists of one.
func rawPointer() reflect.Type {
	f, _ := reflect.TypeFor[atomic.Pointer[int]]().FieldByName("v")
	return f.Type
}

func TestCheckAccepts(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int16](),
		reflect.TypeFor[rune](), reflect.TypeFor[int64](), reflect.TypeFor[uint](), reflect.TypeFor[byte](),
		reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](), reflect.TypeFor[float32](),
		reflect.TypeFor[float64](), reflect.TypeFor[complex64](), reflect.TypeFor[complex128](),
		reflect.TypeFor[time.Duration](), reflect.TypeFor[reflect.Kind](),
		reflect.TypeFor[[3][4]point](), reflect.TypeFor[hidden](), reflect.TypeFor[pair[int, [2]bool]](),
		reflect.TypeFor[struct{ point }](),
		reflect.TypeFor[atomic.Bool](), reflect.TypeFor[atomic.Int32](), reflect.TypeFor[atomic.Int64](),
		reflect.TypeFor[atomic.Uint32](), reflect.TypeFor[atomic.Uint64](), reflect.TypeFor[[8]atomic.Int64](),
	} {
		assert.NoError(t, Check(typ), typ)
		assert.NoError(t, Check(typ), "%v, the second time", typ)
		assert.NotZero(t, Size(typ), typ)
	}
}

func TestCheckAcceptsWhatHasNoSize(t *testing.T) {
	for _, typ := range []reflect.Type{
		reflect.TypeFor[struct{}](), reflect.TypeFor[[0]int](), reflect.TypeFor[[5]struct{}](),
		reflect.TypeFor[[0]func()](), reflect.TypeFor[[0]string](), reflect.TypeFor[struct{ _ [0]*int }](),
	} {
		assert.NoError(t, Check(typ), typ)
		assert.Zero(t, Size(typ), typ)
		assert.NotZero(t, Hash(typ), typ)
	}
}

func TestCheckRefuses(t *testing.T) {
	const holds = ": shared memory holds only numbers, bools, arrays and structs of them; "
	for _, test := range []struct {
		typ  reflect.Type
		what string
		then string
	}{
		{reflect.TypeFor[config](), "config.Limits[].Name is a string, which has a pointer", "use a fixed array such as [32]byte"},
		{reflect.TypeFor[string](), "string has a pointer", "use a fixed array such as [32]byte"},
		{reflect.TypeFor[label](), "plain.label (a string) has a pointer", "use a fixed array such as [32]byte"},
		{reflect.TypeFor[struct{ A label }](), "A of struct { A plain.label } is a plain.label (a string), which has a pointer", "use a fixed array such as [32]byte"},
		{reflect.TypeFor[[4]limit](), "[].Name of [4]plain.limit is a string, which has a pointer", "use a fixed array such as [32]byte"},
		{reflect.TypeFor[[2][3]string](), "[][] of [2][3]string is a string, which has a pointer", "use a fixed array such as [32]byte"},
		{reflect.TypeFor[pair[int, []float64]](), "pair[int,[]float64].Second is a []float64, which has a pointer", "use a fixed array such as [32]float64"},
		{reflect.TypeFor[pair[*point, int]](), "pair[*plain.point,int].First is a *plain.point, which has a pointer", "use an index into an array"},
		{reflect.TypeFor[[]string](), "[]string has a pointer", "use a fixed array"},
		{reflect.TypeFor[tree](), "plain.tree (a slice) has a pointer", "use a fixed array"},
		{reflect.TypeFor[node](), "node.Next is a *plain.node, which has a pointer", "use an index into an array"},
		{reflect.TypeFor[*int](), "*int has a pointer", "use an int itself, or an index into an array"},
		{reflect.TypeFor[struct{ p uintptr }](), "p of struct { p uintptr } is a uintptr, which is an address, and means nothing in another process", "use a uint64 if it is a number, an offset or an index if it leads somewhere"},
		{rawPointer(), "unsafe.Pointer has a pointer", "use an index into an array"},
		{reflect.TypeFor[struct{ _ *int }](), "_ of struct { _ *int } is a *int, which has a pointer", "use an int itself, or an index into an array"},
		{reflect.TypeFor[map[string]int](), "map[string]int has a pointer", "use an array and search it, or keep the map in one process that the others ask"},
		{reflect.TypeFor[chan int](), "chan int has a pointer", "use a queue or a pipe that is made for several processes, outside of the value"},
		{reflect.TypeFor[func()](), "func() has a pointer", "use a number that each process knows the function by"},
		{reflect.TypeFor[pair[int, any]](), "pair[int,interface {}].Second is an interface {}, which has a pointer", "use one type that is no interface"},
		{reflect.TypeFor[pair[int, error]](), "pair[int,error].Second is an error, which has a pointer", "use one type that is no interface"},
		{reflect.TypeFor[pair[int, time.Time]](), "pair[int,time.Time].Second is a time.Time, which has a pointer", "use an int64 with its UnixNano"},
		{reflect.TypeFor[pair[sync.Mutex, int]](), "pair[sync.Mutex,int].First is a sync.Mutex, which works among the goroutines of one process only", "use a lock that is made for several processes, outside of the value"},
		{reflect.TypeFor[sync.WaitGroup](), "sync.WaitGroup works among the goroutines of one process only", "use a lock that is made for several processes, outside of the value"},
		{reflect.TypeFor[atomic.Pointer[int]](), "Pointer[int].v is an unsafe.Pointer, which has a pointer", "use an index into an array"},
	} {
		assert.EqualError(t, Check(test.typ), "mp: "+test.what+holds+test.then)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[netip.Addr](), reflect.TypeFor[atomic.Value](), reflect.TypeFor[sync.Once]()} {
		first := Check(typ)
		assert.Error(t, first, typ)
		assert.Same(t, first, Check(typ), "remembered")
	}
}

func TestCheckAllocatesOnlyOnce(t *testing.T) {
	typ := reflect.TypeFor[pair[config, point]]()
	assert.Error(t, Check(typ))
	Hash(typ)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = Check(typ); Hash(typ) }))
}

func TestCachesAreSafeToShare(t *testing.T) {
	var all sync.WaitGroup
	typ := reflect.TypeFor[pair[hidden, hidden]]()
	for range 20 {
		all.Go(func() {
			assert.NoError(t, Check(typ))
			assert.Equal(t, Hash(typ), Hash(reflect.TypeFor[pair[hidden, hidden]]()))
		})
	}
	all.Wait()
}

func BenchmarkCheck(b *testing.B) {
	typ := reflect.TypeFor[hidden]()
	for b.Loop() {
		_ = Check(typ)
	}
}
