package mp

import (
	"fmt"
	"os"
	"runtime/coverage"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/multiproc/mp/internal/shm"
)

// exitHooks are the functions to call before the process ends.
var exitHooks struct {
	mu    sync.Mutex
	hooks []func()
	// enders end what must not outlive the process in good order, such as pools.
	enders map[*func()]func()
}

// OnExit registers fn to be called when this process ends in good order: when the
// target of a child returns or panics, when a worker of a pool leaves at Shutdown (it
// has five seconds for it), at Exit, and at the end of Main. Last in is first out. It
// is not called at os.Exit, at a runtime crash, when a main function returns without
// Main, or when the process is killed. A panic in fn is reported on stderr, and the
// others are called all the same. A nil fn panics at once.
func OnExit(fn func()) {
	if fn == nil {
		panic("mp: OnExit(nil)")
	}
	exitHooks.mu.Lock()
	defer exitHooks.mu.Unlock()
	exitHooks.hooks = append(exitHooks.hooks, fn)
}

// runExitHooks calls the functions given to OnExit, also those that they
// register meanwhile.
func runExitHooks() {
	for {
		exitHooks.mu.Lock()
		n := len(exitHooks.hooks)
		if n == 0 {
			exitHooks.mu.Unlock()
			return
		}
		fn := exitHooks.hooks[n-1]
		exitHooks.hooks = exitHooks.hooks[:n-1]
		exitHooks.mu.Unlock()
		runHook(fn)
	}
}

func runHook(fn func()) {
	returned := false
	defer func() {
		switch r := recover(); {
		case r != nil:
			fmt.Fprintf(os.Stderr, "mp: a function given to OnExit panicked: %v\n%s", r, debug.Stack())
		case !returned: // runtime.Goexit: the caller's loop is left as well
			runExitHooks()
		}
	}()
	fn()
	returned = true
}

// end calls the functions given to OnExit, and ends the process, also if one of them
// ends the goroutine.
func end(code int) {
	defer exit(code)
	runExitHooks()
}

// atExit registers what endDaemons has to end besides processes.
func atExit(end func()) (forget func()) {
	exitHooks.mu.Lock()
	defer exitHooks.mu.Unlock()
	if exitHooks.enders == nil {
		exitHooks.enders = make(map[*func()]func())
	}
	key := &end
	exitHooks.enders[key] = end
	return func() {
		exitHooks.mu.Lock()
		defer exitHooks.mu.Unlock()
		delete(exitHooks.enders, key)
	}
}

// endDaemons ends the pools and the daemons of this process.
func endDaemons() {
	exitHooks.mu.Lock()
	enders := make([]func(), 0, len(exitHooks.enders))
	for _, end := range exitHooks.enders {
		enders = append(enders, end)
	}
	exitHooks.mu.Unlock()
	for _, end := range enders {
		end()
	}
	for _, p := range ActiveChildren() {
		if p.Daemon {
			if p.Kill() == nil { // it may run as another user, who has to end it
				<-p.Done()
			}
		}
	}
}

// joinChildren waits for the children that are no daemons.
func joinChildren() {
	for _, p := range ActiveChildren() {
		if !p.Daemon {
			<-p.Done()
		}
	}
}

// exit is os.Exit. A program built with -cover writes its counters there, but
// the test binaries of go test do not: their children do it here, where go test
// collects them.
func exit(code int) {
	if dir := os.Getenv("GOCOVERDIR"); dir != "" && Parent() != nil && isTestBinary() {
		if err := coverage.WriteMetaDir(dir); err == nil {
			_ = coverage.WriteCountersDir(dir)
		}
	}
	if code == 0 {
		shm.Leave() // other ends count as deaths
	}
	os.Exit(code)
}

// isTestBinary says whether go test has built this program.
func isTestBinary() bool {
	for _, arg := range os.Args {
		if strings.HasPrefix(arg, "-test.") {
			return true
		}
	}
	return false
}
