package death

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp/internal/sys"
)

const (
	panicWords  = "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n"
	fatalWords  = "fatal error: concurrent map writes\n"
	memoryWords = "fatal error: runtime: out of memory\n"
)

func exited(code int) sys.Exit { return sys.Exit{Code: code, Known: true} }

func signalled(sig syscall.Signal) sys.Exit { return sys.Exit{Code: -1, Signal: sig, Known: true} }

func TestKindAndCode(t *testing.T) {
	for name, test := range map[string]struct {
		remains Remains
		kind    Kind
		code    int
	}{
		"a good end":                       {Remains{Exit: exited(0)}, Exited, 0},
		"os.Exit":                          {Remains{Exit: exited(3)}, Exited, 3},
		"os.Exit(2) without a crash":       {Remains{Exit: exited(2)}, Exited, 2},
		"a panic":                          {Remains{Exit: exited(2), LastWords: panicWords}, Crashed, 2},
		"a fatal error":                    {Remains{Exit: exited(2), LastWords: fatalWords}, Crashed, 2},
		"a panic with GOTRACEBACK=crash":   {Remains{Exit: signalled(syscall.SIGABRT), LastWords: panicWords}, Crashed, -6},
		"a fault with words":               {Remains{Exit: signalled(syscall.SIGSEGV), LastWords: "SIGSEGV: segmentation violation\n"}, Crashed, -11},
		"a fault in C, without":            {Remains{Exit: signalled(syscall.SIGSEGV)}, Signalled, -11},
		"exit after somebody else's words": {Remains{Exit: exited(5), LastWords: panicWords}, Exited, 5},
		"somebody's SIGKILL":               {Remains{Exit: signalled(syscall.SIGKILL)}, Signalled, -9},
		"our SIGKILL":                      {Remains{Exit: signalled(syscall.SIGKILL), ByUs: true}, Killed, -9},
		"our SIGTERM":                      {Remains{Exit: signalled(syscall.SIGTERM), ByUs: true}, Killed, -15},
		"our SIGABRT, with its dump":       {Remains{Exit: signalled(syscall.SIGABRT), ByUs: true, LastWords: "SIGABRT: abort\n"}, Killed, -6},
		"our signal, but it exited":        {Remains{Exit: exited(1), ByUs: true}, Exited, 1},
		"out of memory":                    {Remains{Exit: exited(2), LastWords: memoryWords}, OutOfMemory, 2},
		"out of memory while we kill it":   {Remains{Exit: signalled(syscall.SIGKILL), ByUs: true, LastWords: memoryWords}, OutOfMemory, -9},
		"no memory for a thread's stack":   {Remains{Exit: exited(2), LastWords: "runtime: cannot allocate memory\n"}, OutOfMemory, 2},
		"reaped by somebody else":          {Remains{Exit: sys.Exit{Code: -1}}, Exited, -1},
	} {
		assert.Equal(t, test.kind, test.remains.Kind(), name)
		assert.Equal(t, test.code, test.remains.Code(), name)
	}
}

// The names are those of package mp's Cause.
func TestKindNames(t *testing.T) {
	for kind, name := range map[Kind]string{Exited: "exit", Crashed: "panic", Signalled: "signal", Killed: "killed", OutOfMemory: "out of memory"} {
		assert.Equal(t, name, kind.String())
	}
}

func TestFirstLine(t *testing.T) {
	assert.Equal(t, "panic: boom", FirstLine(panicWords))
	assert.Equal(t, "fatal error: x", FirstLine("\n\t \n  fatal error: x  \nmore"))
	assert.Empty(t, FirstLine(""))
	assert.Empty(t, FirstLine("\n \n"))
}

// The crash file of a fatal error lacks its first line, which tells what it was.
func TestComplete(t *testing.T) {
	for name, test := range map[string]struct{ words, line string }{
		"a panic has its line":    {panicWords, "panic: boom"},
		"nothing":                 {"", ""},
		"only blank lines":        {"\n\n", ""},
		"out of memory":           {"runtime stack:\nruntime.throw({0x1})\nruntime.(*mheap).grow(0x1)\n\ngoroutine 1 [running]:\n", "fatal error: runtime: out of memory"},
		"a stack overflow":        {"\nruntime stack:\nruntime.newstack()\n\ngoroutine 1\n", "fatal error: stack overflow"},
		"concurrent map writes":   {"goroutine 7 [running]:\ninternal/runtime/maps.fatal({0x1})\nmain.f()\n", "fatal error: concurrent map access"},
		"another stack has it":    {"goroutine 1 [running]:\nmain.f()\n\ngoroutine 2:\nruntime.newstack()\n", "fatal error (its text is on stderr)"},
		"unlock of unlocked":      {"goroutine 1 [running]:\nsync.fatal({0x1})\n", "fatal error: misuse of a lock"},
		"a signal tells its name": {"SIGSEGV: segmentation violation\nPC=0x1\n", "SIGSEGV: segmentation violation"},
	} {
		whole := Complete(test.words)
		assert.Equal(t, test.line, FirstLine(whole), name)
		assert.Contains(t, whole, test.words[min(1, len(test.words)):], name)
	}
	assert.Equal(t, OutOfMemory, Remains{Exit: exited(2), LastWords: Complete("goroutine 1 [running]:\nruntime.(*mcache).allocLarge(0x1)\n")}.Kind())
}
