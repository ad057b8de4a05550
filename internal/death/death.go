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

// The runtime writes the line "fatal error: ..." before it begins to copy what it
// writes to the crash file, so that the file of a fatal error begins with the
// stack. Its topmost frames tell which error it was.
var fatalErrors = []struct{ frame, line string }{
	{"runtime.(*mcache).allocLarge(", outOfMemoryLine},
	{"runtime.(*mcache).refill(", outOfMemoryLine},
	{"runtime.sysMapOS(", outOfMemoryLine},
	{"runtime.persistentalloc", outOfMemoryLine},
	{"runtime.(*mheap).grow(", outOfMemoryLine},
	{"runtime.newstack(", "fatal error: stack overflow"},
	{"maps.fatal(", "fatal error: concurrent map access"},
	{"sync.fatal(", "fatal error: misuse of a lock"},
	{"runtime.checkdead(", "fatal error: all goroutines are asleep - deadlock!"},
}

const outOfMemoryLine = "fatal error: runtime: out of memory"

// Complete puts the first line, where it is missing, before a crash text.
func Complete(words string) string {
	text := strings.TrimLeft(words, "\n")
	if text == "" || !strings.HasPrefix(text, "goroutine ") && !strings.HasPrefix(text, "runtime stack:") {
		return words
	}
	stack, _, _ := strings.Cut(text, "\n\n") // the first one
	for _, fatal := range fatalErrors {
		if strings.Contains(stack, fatal.frame) {
			return fatal.line + "\n\n" + text
		}
	}
	return "fatal error (its text is on stderr)\n\n" + text
}

func outOfMemory(words string) bool {
	line := FirstLine(words)
	return strings.HasPrefix(line, "fatal error:") && strings.Contains(line, "out of memory") || strings.Contains(words, "runtime: cannot allocate")
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
