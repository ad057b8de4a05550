package task

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"sync"
	"syscall"

	"github.com/multiproc/mp/internal/ipc/codec"
)

// errorTable holds the errors that become themselves again in the process that
// receives them.
type errorTable struct {
	mu     sync.RWMutex
	byName map[string]error
	names  map[error]string
	types  map[string]typedError
	typeOf map[reflect.Type]string
}

type typedError struct {
	append func(err error) ([]byte, error)
	decode func(data []byte) (error, error)
}

// errnoName is the name under which system call errors travel.
const errnoName = "syscall.Errno"

// canceledName is that of context.Canceled.
const canceledName = "context.Canceled"

// Sentinels returns the errors of the library itself by name. Package mp sets it.
var Sentinels = func() map[string]error { return nil }

// registered is the table, with the well-known errors of the standard library. It
// is made when it is first needed: every start of a process would pay for it.
var registered = sync.OnceValue(func() *errorTable {
	t := &errorTable{
		byName: make(map[string]error),
		names:  make(map[error]string),
		types:  make(map[string]typedError),
		typeOf: make(map[reflect.Type]string),
	}
	for name, err := range map[string]error{
		canceledName:               context.Canceled,
		"context.DeadlineExceeded": context.DeadlineExceeded,
		"io.EOF":                   io.EOF,
		"io.ErrUnexpectedEOF":      io.ErrUnexpectedEOF,
		"io.ErrClosedPipe":         io.ErrClosedPipe,
		"io.ErrShortWrite":         io.ErrShortWrite,
		"io.ErrShortBuffer":        io.ErrShortBuffer,
		"io.ErrNoProgress":         io.ErrNoProgress,
		"fs.ErrInvalid":            fs.ErrInvalid,
		"fs.ErrPermission":         fs.ErrPermission,
		"fs.ErrExist":              fs.ErrExist,
		"fs.ErrNotExist":           fs.ErrNotExist,
		"fs.ErrClosed":             fs.ErrClosed,
		"os.ErrDeadlineExceeded":   os.ErrDeadlineExceeded,
		"os.ErrProcessDone":        os.ErrProcessDone,
		"errors.ErrUnsupported":    errors.ErrUnsupported,
	} {
		t.byName[name], t.names[err] = err, name
	}
	for name, err := range Sentinels() {
		t.byName[name], t.names[err] = err, name
	}
	t.types[errnoName] = typedError{
		append: func(err error) ([]byte, error) {
			return binary.LittleEndian.AppendUint64(nil, uint64(err.(syscall.Errno))), nil
		},
		decode: func(data []byte) (error, error) {
			if len(data) != 8 {
				return nil, codec.ErrMalformed
			}
			return syscall.Errno(binary.LittleEndian.Uint64(data)), nil
		},
	}
	t.typeOf[reflect.TypeFor[syscall.Errno]()] = errnoName
	return t
})

// RegisterError makes errors.Is find sentinel in errors from other processes.
// It panics if the name is taken, or the sentinel cannot be compared, and after
// Freeze or Close, when other processes would not know the error.
func RegisterError(name string, sentinel error) {
	table := registered()
	table.mu.Lock()
	defer table.mu.Unlock()
	switch {
	case name == "" || sentinel == nil:
		panic("mp: RegisterError needs a name and an error")
	case !reflect.TypeOf(sentinel).Comparable():
		panic(fmt.Sprintf("mp: RegisterError(%q): a %T cannot be compared; use RegisterErrorType", name, sentinel))
	case table.byName[name] != nil:
		panic(fmt.Sprintf("mp: RegisterError(%q): the name is taken", name))
	}
	refuseLateError(fmt.Sprintf("RegisterError(%q)", name))
	table.byName[name] = sentinel
	table.names[sentinel] = name
}

// RegisterErrorType makes errors.As find errors of type T from other
// processes. A second time is nothing. It panics if T cannot travel, and after
// Freeze or Close.
func RegisterErrorType[T error]() {
	table := registered()
	t := reflect.TypeFor[T]()
	c, err := codec.For(t)
	if err == nil && c.Carries() {
		err = errors.New("handles and files cannot be in errors")
	}
	if err != nil {
		panic(fmt.Sprintf("mp: RegisterErrorType[%s]: %v", t, err))
	}
	refuseLateError(fmt.Sprintf("RegisterErrorType[%s]", t))
	table.mu.Lock()
	defer table.mu.Unlock()
	if _, twice := table.typeOf[t]; twice {
		return
	}
	// Types of different packages, or of different functions, may share a name:
	// they are numbered in the order of their registration.
	name := typeName(t)
	for n := 2; table.types[name].decode != nil; n++ {
		name = fmt.Sprintf("%s#%d", typeName(t), n)
	}
	table.types[name] = typedError{
		append: func(err error) ([]byte, error) {
			v := err.(T)
			return codec.Append(c, nil, &v)
		},
		decode: func(data []byte) (error, error) {
			v := reflect.New(t).Elem()
			if err := c.Decode(data, v); err != nil {
				return nil, err
			}
			return v.Interface().(T), nil
		},
	}
	table.typeOf[t] = name
}

// chain finds the registered errors in a tree of wrapped ones. It never trusts
// the methods of user errors to be well behaved: a panic ends the search.
func chain(err error) (known []string, typed []TypedError) {
	table := registered()
	table.mu.RLock()
	defer table.mu.RUnlock()
	defer func() { _ = recover() }()
	seen := make(map[string]bool)
	visited := make(map[error]bool)
	room, names := maxTyped, maxKnown
	know := func(name string) {
		seen[name] = true
		if size := len(name) + perName; size <= names {
			names -= size
			known = append(known, name)
		}
	}
	queue := []error{err}
	for looked := 0; len(queue) > 0 && looked < maxChain; looked++ {
		err, queue = queue[0], queue[1:]
		if err == nil {
			continue
		}
		if reflect.ValueOf(err).Comparable() {
			if visited[err] {
				continue
			}
			visited[err] = true
			if name, ok := table.names[err]; ok && !seen[name] {
				know(name)
			}
		}
		if name, ok := table.typeOf[reflect.TypeOf(err)]; ok {
			if data, encErr := table.types[name].append(err); encErr == nil && len(name)+len(data)+perName <= room {
				room -= len(name) + len(data) + perName
				typed = append(typed, TypedError{Name: name, Data: data})
			}
		}
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			queue = append(queue, u.Unwrap())
		case interface{ Unwrap() []error }:
			queue = append(queue, u.Unwrap()...)
		}
		if is, ok := err.(interface{ Is(error) bool }); ok {
			for name, sentinel := range maps.All(table.byName) {
				if !seen[name] && is.Is(sentinel) {
					know(name)
				}
			}
		}
	}
	return known, typed
}

// Causes returns the registered errors that a failure carries, rebuilt.
func (f *Failure) Causes() []error {
	table := registered()
	table.mu.RLock()
	defer table.mu.RUnlock()
	var causes []error
	for _, t := range f.Typed {
		if typed, ok := table.types[t.Name]; ok {
			if err, decErr := typed.decode(t.Data); decErr == nil {
				causes = append(causes, err)
			}
		}
	}
	for _, name := range f.Known {
		if err := table.byName[name]; err != nil {
			causes = append(causes, err)
		}
	}
	return causes
}
