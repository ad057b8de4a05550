// Package death reads from the remains of a process why it ended: from its exit
// status, from what its runtime wrote when it crashed, and from whether its
// parent had a hand in it.
package death

import (
	"strings"
	"syscall"

	"github.com/multiproc/mp/internal/sys"
)

// Remains is what is known of a process that has ended.
type Remains struct {
	Exit      sys.Exit
	LastWords string // the runtime's crash text
	ByUs      bool   // the signal that ended it was sent by its parent
}

// Code returns the exit code as Python gives it: n for exit(n), -N for signal
// N. It is -1 if nobody knows.
func (r Remains) Code() int {
	if r.Exit.Signal != 0 {
		return -int(r.Exit.Signal)
	}
	return r.Exit.Code
}

// Kind is the kind of an end.
type Kind int

// The kinds of end.
const (
	Exited Kind = iota
	Crashed
	Signalled
	Killed
	OutOfMemory
)

// String names the kind as package mp's Cause does.
func (k Kind) String() string {
	return [...]string{Exited: "exit", Crashed: "panic", Signalled: "signal", Killed: "killed", OutOfMemory: "out of memory"}[k]
}

// Kind tells how the process ended. The runtime's exit status for a panic or a
// fatal error is 2, which a program can use as well: its crash text decides.
func (r Remains) Kind() Kind {
	switch {
	case outOfMemory(r.LastWords):
		return OutOfMemory
	case r.Exit.Signal != 0 && r.ByUs:
		return Killed
	case r.LastWords != "" && (r.Exit.Signal == 0 && r.Exit.Code == 2 || r.Exit.Signal == syscall.SIGABRT || r.Exit.Signal == syscall.SIGSEGV):
		return Crashed
	case r.Exit.Signal != 0:
		return Signalled
	}
	return Exited
}

func outOfMemory(words string) bool {
	for _, phrase := range []string{"fatal error: runtime: out of memory", "fatal error: out of memory", "runtime: cannot allocate memory", "fatal error: runtime: cannot allocate"} {
		if strings.Contains(words, phrase) {
			return true
		}
	}
	return false
}

// FirstLine returns the line of a crash text that says what happened.
func FirstLine(words string) string {
	for line := range strings.Lines(words) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}
