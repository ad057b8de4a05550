// Package plain tells which types may lie in memory that processes share.
//
// Such memory is bytes that each process sees at an address of its own choice. A
// value can live there if its bytes mean the same to everyone who reads them, and
// if the garbage collector has no business with it: it does not look at memory
// that is not its own, so what only a pointer in shared memory refers to is freed.
// That leaves numbers, bools, and arrays and structs of them. Names do not matter,
// and neither does whether a field is exported, is blank, or is there for padding.
//
// What is refused though it has no pointer:
//
//   - uintptr: an address means nothing in another process, and for a number that
//     is no address uint64 does as well.
//   - The types of package sync: they are plain words to the compiler, but who
//     waits for one sleeps in a list of its own process, and nobody else wakes it.
//
// The types of sync/atomic are fine (but Pointer and Value): atomic instructions
// work on the memory, whoever else maps it. An array of length 0 is fine whatever
// its elements, for it has none; so are other types of size 0, of which Size tells.
package plain

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// verdicts has an error, or nil in a verdict, by reflect.Type.
var verdicts sync.Map

type verdict struct{ err error }

// Check returns nil if values of type t may lie in shared memory. Else the error
// names the first field that may not, and what to do about it. It remembers what
// it has found out about a type.
func Check(t reflect.Type) error {
	if v, ok := verdicts.Load(t); ok {
		return v.(verdict).err
	}
	var err error
	if path, culprit := find(t); culprit != nil {
		err = refusal(t, path, culprit)
	}
	verdicts.Store(t, verdict{err})
	return err
}

// Size returns how many bytes a value of type t takes, padding included. It can be
// 0: then all values of the type are the same one, and need no memory.
func Size(t reflect.Type) uintptr { return t.Size() }

// find returns the first type within t that may not be shared, and the path to it;
// nil if there is none. It ends, for a type can only contain itself through a
// pointer, a slice, a map and the like, and those it does not follow.
func find(t reflect.Type) (path string, culprit reflect.Type) {
	if advice(t) != "" {
		return "", t
	}
	switch t.Kind() {
	case reflect.Array:
		if t.Len() == 0 {
			return "", nil
		}
		path, culprit = find(t.Elem())
		return "[]" + path, culprit
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if path, culprit = find(f.Type); culprit != nil {
				return "." + f.Name + path, culprit
			}
		}
	}
	return "", nil
}

// refusal says what is wrong with t, where, and what to do.
func refusal(t reflect.Type, path string, culprit reflect.Type) error {
	what := Name(culprit)
	if kind := culprit.Kind(); culprit.PkgPath() != "" && kind != reflect.Struct && kind != reflect.UnsafePointer {
		what += " (" + withArticle(kind.String()) + ")" // the name of a type of the user's does not tell
	}
	switch {
	case path == "":
		what += " "
	case t.Name() != "":
		what = unqualified(t) + path + " is " + withArticle(what) + ", which "
	default:
		what = strings.TrimPrefix(path, ".") + " of " + Name(t) + " is " + withArticle(what) + ", which "
	}
	return fmt.Errorf("mp: %s%s: shared memory holds only numbers, bools, arrays and structs of them; %s",
		what, trouble(culprit), advice(culprit))
}

// withArticle puts a or an before a noun, by its first sound.
func withArticle(noun string) string {
	if strings.ContainsRune("aeio", rune(noun[0])) || strings.HasPrefix(noun, "un") {
		return "an " + noun
	}
	return "a " + noun
}
