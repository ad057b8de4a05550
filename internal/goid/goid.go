// Package goid tells goroutines apart.
//
// Go gives goroutines no identity on purpose, so that nobody hangs state on them. A
// lock that several processes share cannot do without: a recursive lock has to know
// whether it is its own holder who locks it again, and any lock whether it is
// unlocked by who locked it. sync.Mutex does not ask, and therefore cannot tell a
// deadlock or a misuse from waiting.
//
// On amd64 and arm64 the identity is the address of the runtime's description of the
// goroutine, its g, which is always at hand: in thread-local storage or in a
// register. Two instructions read it, about a nanosecond with the call. Nothing is read
// from the g itself: the place of the goroutine's number in there changes between
// versions of Go, while the register and the storage are part of what every
// assembly file may rely on. Elsewhere it is that number, as runtime.Stack prints
// it, which takes two microseconds.
//
// What an identity is good for:
//
//   - Two calls in one goroutine return the same, however its stack has grown and
//     whatever threads it has run on.
//   - Goroutines that live at the same time have different ones.
//   - When a goroutine has ended, another can get its identity. Who keeps one
//     beyond the goroutine's end, as a lock does whose holder forgot to unlock it,
//     can take a later goroutine for the earlier one.
//   - It means something in this process only, and it is never 0.
package goid

import (
	"bytes"
	"runtime"
	"strconv"
)

// fromStack returns the number of the calling goroutine, from the first line of its
// stack trace:
//
//	goroutine 18 [running]:
//
// That line is what debuggers and users have read for as long as Go exists. Should
// it ever change, it is better to stop than to take goroutines for one another.
func fromStack() uintptr {
	var buf [64]byte
	line := buf[:runtime.Stack(buf[:], false)]
	id, ok := parse(line)
	if !ok {
		panic("mp: internal/goid: a stack trace begins with " + strconv.Quote(string(line)))
	}
	return id
}

// parse reads the number in the first line of a stack trace. Where uintptr has 32
// bits it takes the low ones: two goroutines would have to be four billion apart
// to be taken for one another.
func parse(line []byte) (id uintptr, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("goroutine "))
	if !ok {
		return 0, false
	}
	digits, _, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || n == 0 {
		return 0, false
	}
	return max(uintptr(n), 1), true // 0 only by the cut to 32 bits
}
