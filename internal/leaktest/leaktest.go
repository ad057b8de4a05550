// Package leaktest finds what a test run has left behind: open descriptors,
// goroutines, child processes and zombies, files in /dev/shm. It is for TestMain:
//
//	func TestMain(m *testing.M) {
//		mp.Init()
//		os.Exit(leaktest.Run(m))
//	}
package leaktest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long leftovers have to disappear.
const patience = 5 * time.Second

// Run runs the tests and returns the exit code: 1 if they passed but have left
// something behind, with a list on stderr.
func Run(m *testing.M) int {
	before := Take()
	code := m.Run()
	if code != 0 {
		return code
	}
	if left := before.Wait(); left != "" {
		fmt.Fprintf(os.Stderr, "leaktest: the tests have left behind:\n%s\n", left)
		return 1
	}
	return 0
}

// Check fails the test if it leaves something behind. Call it first, in tests
// that do not run in parallel. What is made once for the process (the thread that
// starts children) has to exist by then: see Warm.
func Check(t testing.TB) {
	t.Helper()
	before := Take()
	t.Cleanup(func() {
		if left := before.Wait(); left != "" {
			t.Errorf("the test has left behind:\n%s", left)
		}
	})
}

// A Snapshot is what there is at a moment.
type Snapshot struct {
	descriptors map[string]int // by what they are open on
	files       map[string]bool
	goroutines  int
}

// Take takes a snapshot.
func Take() Snapshot {
	return Snapshot{descriptors: descriptors(), files: files(), goroutines: runtime.NumGoroutine()}
}

// slack is how many goroutines of the runtime, of package testing and of the
// library's process-wide threads may come up after the first snapshot.
const slack = 3

// Wait waits until all that is new has gone, and returns a list of what has not;
// empty is good.
func (before Snapshot) Wait() string {
	var left []string
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if left = before.diff(); len(left) == 0 || time.Now().After(end) {
			return strings.Join(left, "\n")
		}
	}
}

func (before Snapshot) diff() (left []string) {
	for target, n := range descriptors() {
		if extra := n - before.descriptors[target]; extra > 0 {
			left = append(left, fmt.Sprintf("%d descriptors open on %s", extra, target))
		}
	}
	for name := range files() {
		if !before.files[name] {
			left = append(left, "the file "+name)
		}
	}
	left = append(left, children()...)
	if n := runtime.NumGoroutine(); n > before.goroutines+slack {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		left = append(left, fmt.Sprintf("%d goroutines, %d before:\n%s", n, before.goroutines, stacks))
	}
	slices.Sort(left)
	return left
}

// arena is what the family of processes shares: a process that has it keeps it.
const arena = "/memfd:mp-arena"

// descriptors counts the open descriptors by their target. What the runtime
// opens once for itself, and /dev/null, does not count.
func descriptors() map[string]int {
	counts := make(map[string]int)
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return counts
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || strings.HasPrefix(target, "anon_inode:[event") || target == os.DevNull || strings.HasPrefix(target, "/sys/") || strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, arena) {
			continue
		}
		kind, _, named := strings.Cut(target, ":[") // pipe:[12345] is a pipe
		if named {
			target = kind
		}
		counts[target]++
	}
	return counts
}

// files lists what lies in the place for shared memory with a name. Other programs,
// and other tests, use it at the same time: only names with our number in them count.
func files() map[string]bool {
	names := make(map[string]bool)
	found, err := filepath.Glob(fmt.Sprintf("/dev/shm/mp-*-%d-*", os.Getpid()))
	if err != nil {
		return names
	}
	for _, name := range found {
		names[name] = true
	}
	return names
}

// children lists the child processes of this one, zombies too.
func children() (left []string) {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return nil
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, pid := range strings.Fields(string(text)) {
			stat, _ := os.ReadFile("/proc/" + pid + "/stat")
			left = append(left, fmt.Sprintf("the child process %s: %s", pid, stat))
		}
	}
	return left
}
