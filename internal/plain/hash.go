package plain

import (
	"fmt"
	"hash/fnv"
	"io"
	"reflect"
	"strings"
	"sync"
)

// hashes has the hash by reflect.Type.
var hashes sync.Map

// Hash returns a number that stands for the type t and how its values lie in memory.
// Every process of one program computes the same, so that one can note it in the
// shared memory and another can see that it takes the bytes for what they are. It
// is never 0, which is what memory holds that nobody has written to.
//
// The number covers t's name with its package, its kind, size and alignment, and
// the same of everything that it consists of, with the names and offsets of fields.
// Pointers and the like, which Check refuses, are not followed.
func Hash(t reflect.Type) uint32 {
	if h, ok := hashes.Load(t); ok {
		return h.(uint32)
	}
	sum := fnv.New32a()
	describe(sum, t)
	h := max(sum.Sum32(), 1)
	hashes.Store(t, h)
	return h
}

// describe writes all that Hash covers. Names are quoted and parts in brackets, so
// that no two types have the same description by chance.
func describe(w io.Writer, t reflect.Type) {
	fmt.Fprintf(w, "%q.%q %v %d/%d", t.PkgPath(), t.Name(), t.Kind(), t.Size(), t.Align())
	switch t.Kind() {
	case reflect.Array:
		fmt.Fprintf(w, "[%d](", t.Len())
		describe(w, t.Elem())
		io.WriteString(w, ")")
	case reflect.Struct:
		io.WriteString(w, "{")
		for i := range t.NumField() {
			f := t.Field(i)
			fmt.Fprintf(w, "%q@%d(", f.Name, f.Offset)
			describe(w, f.Type)
			io.WriteString(w, ")")
		}
		io.WriteString(w, "}")
	default:
		if t.Name() == "" {
			fmt.Fprintf(w, "%q", t.String())
		}
	}
}

// longest is how long the name of a type without a name may be in a message.
const longest = 60

// Name returns what to call t in a message: as a programmer of another package
// would write it, without the directories of packages. A long struct without a
// name is cut short.
func Name(t reflect.Type) string {
	name := t.String()
	if !strings.Contains(name, `"`) { // tags of fields can have anything in them
		name = withoutDirectories(name)
	}
	if open := strings.IndexByte(name, '{'); t.Name() == "" && open >= 0 && len(name) > longest {
		name = name[:open] + "{...}"
	}
	return name
}

// unqualified is Name without the package.
func unqualified(t reflect.Type) string {
	name := Name(t)
	args := strings.IndexByte(name, '[') // of a generic type, which have packages of their own
	if args < 0 {
		args = len(name)
	}
	return name[strings.LastIndexByte(name[:args], '.')+1:]
}

// withoutDirectories turns pool.Pair[example.org/geo.Point,int] into
// pool.Pair[geo.Point,int]: reflect gives the arguments of a generic type with the
// whole path of their packages.
func withoutDirectories(name string) string {
	var b strings.Builder
	begin := 0 // of the word that may turn out to be a path
	for i := range len(name) {
		switch name[i] {
		case '/':
			begin = i + 1
		case '[', ']', ',', '*', ' ', '(', ')', '{', '}', ';':
			b.WriteString(name[begin : i+1])
			begin = i + 1
		}
	}
	b.WriteString(name[begin:])
	return b.String()
}
