//go:build linux

package mp_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

// crashes end the process in ways that no recover can prevent.
var crashes = map[string]func(){
	"panic in another goroutine": func() { go panic("elsewhere") },
	"nil func in another goroutine": func() {
		var f func()
		go f()
	},
	"nil pointer in another goroutine": func() {
		go func() {
			var p *int
			*p = 1
		}()
	},
	"unlock of unlocked mutex": func() {
		var mu sync.Mutex
		mu.Unlock()
	},
	"concurrent map writes": func() {
		m := make(map[int]int)
		for i := range 4 {
			go func() {
				for {
					m[i] = i
				}
			}()
		}
	},
	"stack overflow": func() {
		debug.SetMaxStack(1 << 20)
		var f func(n int) int
		f = func(n int) int { return f(n+1) + 1 }
		f(0)
	},
	"out of memory": func() {
		limit := syscall.Rlimit{Cur: 1, Max: 1}
		if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
			panic(err)
		}
		for hoard := [][]byte{}; ; {
			hoard = append(hoard, make([]byte, 64<<20))
		}
	},
}

var crash = mp.Func(func(_ context.Context, how string) (string, error) {
	debug.SetTraceback("single")
	crashes[how]()
	time.Sleep(time.Hour)
	return "survived", nil
})

func TestPROC28_CrashesAreReportedWithLastWords(t *testing.T) {
	leaktest.Check(t)
	for how, c := range map[string]struct{ words, kept, text string }{
		"panic in another goroutine":       {"panic: elsewhere", "panic: elsewhere", "panic: elsewhere"},
		"nil pointer in another goroutine": {"nil pointer dereference", "nil pointer dereference", "nil pointer dereference"},
		// The runtime itself keeps the text of a fatal error from the crash output.
		"nil func in another goroutine": {"go of nil func value", "proc_crash_test.go", "fatal error"},
		"unlock of unlocked mutex":      {"fatal error: sync: unlock of unlocked mutex", "sync.fatal", "fatal error"},
		"concurrent map writes":         {"fatal error: concurrent map", "maps.fatal", "fatal error"},
		"stack overflow":                {"stack overflow", "runtime.newstack", "fatal error"},
	} {
		t.Run(how, func(t *testing.T) {
			stderr := outputFile(t)
			p := launch(t, crash.With(how), func(p *mp.Process) { p.Stderr = stderr })
			exit := failed(t, join(t, p))
			assert.Equal(t, mp.CausePanic, exit.Cause)
			assert.Equal(t, 2, exit.Code)
			assert.Contains(t, exit.LastWords, c.kept)
			assert.LessOrEqual(t, len(exit.LastWords), 17<<10)
			assert.Contains(t, exit.Error(), c.text)
			assert.Nil(t, exit.Remote)
			assert.Contains(t, content(t, stderr), c.words, "the dump is not swallowed")
		})
	}
}

func TestRunReportsACrash(t *testing.T) {
	_, err := mp.Run(bounded(t), crash.With("unlock of unlocked mutex"))
	exit := failed(t, err)
	assert.Equal(t, mp.CausePanic, exit.Cause)
	assert.Contains(t, exit.Error(), "fatal error")
	assert.Contains(t, exit.LastWords, "sync.fatal")
}

func TestOutOfMemoryIsACauseOfItsOwn(t *testing.T) {
	stderr := outputFile(t)
	p := launch(t, crash.With("out of memory"), func(p *mp.Process) { p.Stderr = stderr })
	exit := failed(t, join(t, p))
	assert.Equal(t, mp.CauseOutOfMemory, exit.Cause, "%v\n%s", exit, exit.LastWords)
}

type badString struct{}

func (badString) String() string { panic("no text") }

type badError struct{}

func (badError) Error() string { panic("no text") }
func (badError) Unwrap() error { panic("no cause") }
func (badError) Is(error) bool { panic("no comparison") }
func (badError) As(any) bool   { panic("no conversion") }

// ends end a target without a return.
var ends = map[string]func() error{
	"text":         func() error { panic("plain text") },
	"error":        func() error { panic(errors.New("an error")) },
	"nil":          func() error { panic(nil) }, //nolint:govet // that is what is tested
	"runtime":      func() error { return errors.New([]string{}[len(os.Args)]) },
	"bad String":   func() error { panic(badString{}) },
	"bad Error":    func() error { panic(badError{}) },
	"returned bad": func() error { return badError{} },
	"nil pointer":  func() error { panic((*os.PathError)(nil)) },
	"Goexit":       func() error { runtime.Goexit(); return nil },
}

var end = mp.Action(func(_ context.Context, how string) error { return ends[how]() })

func TestPanicsArriveAsRemoteErrors(t *testing.T) {
	for how, want := range map[string]struct {
		typ, text string
		panic     bool
	}{
		"text":         {"string", "plain text", true},
		"error":        {"*errors.errorString", "an error", true},
		"nil":          {"*runtime.PanicNilError", "nil", true},
		"runtime":      {"runtime.boundsError", "index out of range", true},
		"bad String":   {"mp_test.badString", "", true},
		"bad Error":    {"mp_test.badError", "", true},
		"returned bad": {"mp_test.badError", "", false},
		"nil pointer":  {"*fs.PathError", "", true},
		"Goexit":       {"", "Goexit", false},
	} {
		t.Run(how, func(t *testing.T) {
			p := launch(t, end.With(how), func(p *mp.Process) { p.Stderr = outputFile(t) })
			exit := failed(t, join(t, p))
			assert.Equal(t, 1, exit.Code)
			r := remote(t, exit)
			assert.Equal(t, want.panic, r.Panic)
			if want.typ != "" {
				assert.Equal(t, want.typ, r.Type)
			}
			assert.Contains(t, r.Text, want.text)
			assert.NotEmpty(t, r.Text)
			assert.Contains(t, r.Stack, "proc_crash_test.go:")
			if want.panic {
				assert.Equal(t, mp.CausePanic, exit.Cause)
			} else {
				assert.Equal(t, mp.CauseError, exit.Cause)
			}
		})
	}
}

func TestRunReturnsThePanic(t *testing.T) {
	_, err := mp.Run(bounded(t), end.With("text"))
	r := remote(t, err)
	assert.True(t, r.Panic)
	assert.Contains(t, r.Text, "plain text")
	require.NotErrorIs(t, err, context.Canceled)
}
