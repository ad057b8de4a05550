package codec

import (
	"fmt"
	"reflect"
	"strings"
)

// module is where package mp is. This package knows its types by name only, for mp imports it.
const module = "github.com/multiproc/mp"

// inPlaceOf says what to use in place of a type that cannot travel, where the faults of its fields would be no help: the
// fields are not the user's. Empty if there is nothing better to say.
func inPlaceOf(t reflect.Type) string {
	if _, ok := specialFor(reflect.PointerTo(t)); ok {
		return fmt.Sprintf("is a handle, which cannot be copied: use *%s", t)
	}
	return ofOneProcess(t)
}

// ofOneProcess is inPlaceOf for types that mean nothing in another process.
func ofOneProcess(t reflect.Type) string {
	switch t.PkgPath() {
	case "sync":
		return "works among the goroutines of one process only: leave it out, or use what processes share, such as *mp.Lock"
	case "sync/atomic":
		return "cannot travel: send the value that it holds"
	}
	name, _, _ := strings.Cut(t.Name(), "[")
	switch t.PkgPath() + "." + name {
	case module + ".Task":
		return "cannot travel: a task is in every process of the program; send something that tells which one to use"
	case module + ".Call", module + ".AnyCall":
		return "cannot travel: a call is run by the process that makes it; send its argument"
	case module + ".Process":
		return "cannot travel: a process belongs to the one that started it; send its PID"
	case module + ".Listener":
		return "cannot travel: send its address, or use a net.Listener and import " + module + "/mpnet"
	case module + ".Addr":
		return "cannot travel: send its String"
	case module + "/pool.Pool":
		return "cannot travel: a pool belongs to one process; make another one where it is needed"
	case module + "/pool.Future":
		return "cannot travel: a future belongs to one process; send its value"
	}
	return ""
}

// unexported says what to do about an unexported field of the struct type t.
func unexported(t, field reflect.Type) string {
	if why := ofOneProcess(field); why != "" {
		return why
	}
	ways := "is unexported: export it"
	if t.Name() != "" {
		ways += fmt.Sprintf(", give %s the methods MarshalBinary and UnmarshalBinary", t)
	}
	return ways + ", or send a type that does not have it"
}
