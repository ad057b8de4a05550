package plain

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Types that differ in one respect each.
type (
	celsius    struct{ Degrees float64 }
	fahrenheit struct{ Degrees float64 }
)

func TestHashTellsApart(t *testing.T) {
	types := []reflect.Type{
		reflect.TypeFor[int](), reflect.TypeFor[int64](), reflect.TypeFor[uint64](), reflect.TypeFor[float64](),
		reflect.TypeFor[celsius](), reflect.TypeFor[fahrenheit](),
		reflect.TypeFor[struct{ Degrees float64 }](), reflect.TypeFor[struct{ Value float64 }](),
		reflect.TypeFor[[2]int32](), reflect.TypeFor[[3]int32](), reflect.TypeFor[[2][2]int32](), reflect.TypeFor[[4]int32](),
		reflect.TypeFor[struct{ A, B int32 }](), reflect.TypeFor[struct{ B, A int32 }](),
		reflect.TypeFor[struct {
			A int8
			B int32
		}](),
		reflect.TypeFor[struct {
			A int8
			_ [3]byte
			B int32
		}](),
		reflect.TypeFor[struct{ A struct{ B, C int8 } }](),
		reflect.TypeFor[struct {
			A struct{ B int8 }
			C int8
		}](),
		reflect.TypeFor[pair[int, bool]](), reflect.TypeFor[pair[bool, int]](),
		reflect.TypeFor[atomic.Int64](), reflect.TypeFor[atomic.Uint64](),
		reflect.TypeFor[*int](), reflect.TypeFor[*int64](), reflect.TypeFor[node](), reflect.TypeFor[tree](),
		reflect.TypeFor[struct{}](), reflect.TypeFor[[0]int](),
	}
	seen := make(map[uint32]reflect.Type)
	for _, typ := range types {
		h := Hash(typ)
		assert.NotZero(t, h, typ)
		assert.Nil(t, seen[h], "%v has the hash of %v", typ, seen[h])
		assert.Equal(t, h, Hash(typ), "%v, the second time", typ)
		seen[h] = typ
	}
}

// local returns a type that has the name of another one.
func local() reflect.Type {
	type celsius struct{ Degrees float32 }
	return reflect.TypeFor[celsius]()
}

func TestHashKnowsLocalTypesByTheirFields(t *testing.T) {
	assert.Equal(t, Name(reflect.TypeFor[celsius]()), Name(local()))
	assert.NotEqual(t, Hash(reflect.TypeFor[celsius]()), Hash(local()))
}

// A second process of this program prints the hash.
func TestHashIsTheSameInEachProcess(t *testing.T) {
	typ := reflect.TypeFor[pair[hidden, [7]atomic.Int64]]()
	const variable = "MP_TEST_PRINT_HASH"
	if os.Getenv(variable) != "" {
		fmt.Printf("<%d>", Hash(typ))
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.Command(self, "-test.run=^TestHashIsTheSameInEachProcess$")
	child.Env = append(os.Environ(), variable+"=1")
	out, err := child.Output()
	require.NoError(t, err)
	assert.Contains(t, string(out), fmt.Sprintf("<%d>", Hash(typ)))
}

func TestName(t *testing.T) {
	for want, typ := range map[string]reflect.Type{
		"int":                                    reflect.TypeFor[int](),
		"plain.point":                            reflect.TypeFor[point](),
		"[3]plain.tree":                          reflect.TypeFor[[3]tree](),
		"atomic.Int64":                           reflect.TypeFor[atomic.Int64](),
		"plain.pair[plain.point,[2]atomic.Bool]": reflect.TypeFor[pair[point, [2]atomic.Bool]](),
		"plain.pair[plain.pair[*plain.point,int],map[string]int]": reflect.TypeFor[pair[pair[*point, int], map[string]int]](),
		"[3]plain.pair[plain.point,int]":                          reflect.TypeFor[[3]pair[point, int]](),
		`struct { A int "json:\"x/y\"" }`: reflect.TypeFor[struct {
			A int `json:"x/y"`
		}](),
		"struct { A int }": reflect.TypeFor[struct{ A int }](),
		"struct {...}": reflect.TypeFor[struct {
			One, Two, Three, Four, Five, Six, Seven, Eight int
		}](),
		"[9]struct {...}": reflect.TypeFor[[9]struct {
			One, Two, Three, Four, Five, Six, Seven, Eight int
		}](),
	} {
		assert.Equal(t, want, Name(typ))
	}
	assert.Equal(t, "pair[plain.point,int]", unqualified(reflect.TypeFor[pair[point, int]]()))
	assert.Equal(t, "int", unqualified(reflect.TypeFor[int]()))
}

func BenchmarkHash(b *testing.B) {
	typ := reflect.TypeFor[hidden]()
	for b.Loop() {
		Hash(typ)
	}
}
