package plain

import (
	"fmt"
	"reflect"
	"time"
)

// advice says what to use instead of t if t itself may not be shared; "" if it may,
// or if that depends on what it consists of.
func advice(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "use an int64 with its UnixNano"
	case t.PkgPath() == "sync":
		return "use a lock that is made for several processes, outside of the value"
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128,
		reflect.Array, reflect.Struct:
		return ""
	case reflect.Uintptr:
		return "use a uint64 if it is a number, an offset or an index if it leads somewhere"
	case reflect.String:
		return "use a fixed array such as [32]byte"
	case reflect.Slice:
		if elem := t.Elem(); basic(elem) {
			return fmt.Sprintf("use a fixed array such as [32]%s", Name(elem))
		}
		return "use a fixed array"
	case reflect.Map:
		return "use an array and search it, or keep the map in one process that the others ask"
	case reflect.Pointer:
		if elem := t.Elem(); basic(elem) {
			return fmt.Sprintf("use %s itself, or an index into an array", withArticle(Name(elem)))
		}
		return "use an index into an array"
	case reflect.Interface:
		return "use one type that is no interface"
	case reflect.Func:
		return "use a number that each process knows the function by"
	case reflect.Chan:
		return "use a queue or a pipe that is made for several processes, outside of the value"
	}
	return "use an index into an array" // unsafe.Pointer
}

// basic says whether t is a number or a bool. It looks no deeper, for behind a
// pointer or a slice a type can lead back to itself.
func basic(t reflect.Type) bool {
	return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Complex128 && t.Kind() != reflect.Uintptr
}

// trouble says what is wrong with t.
func trouble(t reflect.Type) string {
	switch {
	case t.PkgPath() == "sync":
		return "works among the goroutines of one process only"
	case t.Kind() == reflect.Uintptr:
		return "is an address, and means nothing in another process"
	}
	return "has a pointer"
}
