//go:build linux

package examples

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bound is how long a program may take before it counts as hanging.
const bound = 30 * time.Second

// programs is the directory of the built examples.
var programs string

func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // the programs end a second earlier
	}
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// buildAndRun builds the programs, runs the tests, and cleans up.
func buildAndRun(m *testing.M) (code int, err error) {
	if programs, err = os.MkdirTemp("", "examples-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(programs)
	args := append([]string{"build", "-o", programs}, buildFlags...)
	if out, err := exec.Command("go", append(args, "./...")...).CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// run runs a program and returns its output and its exit code. A program that
// hangs is killed, and fails the test.
func run(t *testing.T, name string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(programs, name), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "%s hangs\n%s%s", name, &out, &errs)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// works runs a program that has to exit with 0, and returns its output.
func works(t *testing.T, name string, args ...string) string {
	t.Helper()
	stdout, stderr, code := run(t, name, args...)
	require.Zero(t, code, "%s\n%s%s", name, stdout, stderr)
	return stdout
}

// The key lines of each program's output, all of which have to be there.
var small = map[string][]string{
	"hello": {"[1 4 9 16] <nil>\n"},
	"process": {
		"parent MainProcess\n",
		"child first of MainProcess: pid is mine: true\n",
		"first joined, exited: true, exit code: 0, alive: false\n",
		"Process-2 joined, exited: true, exit code: 3, alive: false\n  cause: exit\n",
		"Process-3 is alive: true\n",
		"Process-3 joined, exited: true, exit code: -9, alive: false\n  cause: killed\n",
	},
	"daemon": {
		"no daemon: end!\n",
		"no daemon: work end\ndaemon: end!\n",
		"daemon and join: work start\ndaemon and join: work end\ndaemon and join: end!\n",
	},
	"runner":     {"clock is alive: true\n", "1: the time is ", "2: the time is ", "3: the time is "},
	"pool_apply": {"Mark~ Mark~ Mark~\nhello 0: done\nhello 1: done\n", "hello 8: done\nhello 9: done\nSub-processes: "},
	"pool_map": {
		"map: [1 4 9 16 25]\n",
		"imap_unordered, the sum: 55\n",
		"starmap: [1024 81 1000]\n",
		"an error: pool: item 1: 3 to the power of -1 is no integer\n",
	},
	"futures": {
		"completed: 10 <nil>\n",
		"completed: 300 <nil>\n",
		"completed: 600 <nil>\n",
		"wait: 1 done, 1 pending, the short one is done, <nil>\n",
		"cancel before it runs: true\n  its error: pool: task was cancelled true\n",
		"cancel while it runs: true\n  its error: pool: task was cancelled true\n",
		"cancel what is done: false\n",
	},
	"timeout_kill": {
		"the context has ended: context deadline exceeded true\n",
		"was killed true\n",
		"the pool lives on: 9 <nil>\nworkers killed: 2\n",
	},
	"crash": {
		"squares: [0 1 4 0 16 0 36 0 64 81]\n",
		`item 3: exit code 2, cause "panic", last words "panic: three is too much"`,
		`item 5: exit code 7, cause "exit", last words ""`,
		`item 7: exit code -9, cause "signal", last words ""`,
	},
	"errors": {
		"buy nothing: the shop is closed\n  is errClosed: true, is fs.ErrPermission: false\n",
		"buy: 7 asked, 5 allowed\n  is errClosed: false, is fs.ErrPermission: false\n  a quotaError with limit 5\n",
		"buy all: permission denied\n  is errClosed: false, is fs.ErrPermission: true\n",
		"type string, panic: true, the stack has main.go: true\n",
	},
	"local": {
		"local: false, squares: 1 4 9 16 25, in this process: 0 of 5\n",
		"local: true, squares: 1 4 9 16 25, in this process: 5 of 5\n",
	},
	"value_array": {"3.1415927\n[0 -1 -2 -3 -4 -5 -6 -7 -8 -9]\n{3.75 -12.5}\n"},
	"counter":     {"with the lock: 10000\n", "some are lost: true\n", "atomically: 10000\n"},
	"lock_file":   {"lines: 40000, torn: 0, blocks: 4\n"},
	"shared_memory": {
		"hello from Go: from Go -273.154 21 <nil>\n",
		"python3", // skipped, or what TestPythonSharesMemory wants
	},
	"semaphore": {"Process-1 acquire\n", "Process-5 release\n", "at most 2 at once: true, free again: 2\n"},
	"event": {
		"wait_for_event: starting\n",
		"wait_for_event_timeout: starting\n",
		"wait_for_event_timeout: e.is_set()-> false mp: Event.Wait: time limit exceeded\nmain: event is set\nwait_for_event: e.is_set()-> true\n",
	},
	"condition": {"taken: 300, their sum: 14850, left: 0\n"},
	"barrier": {
		"all are here: [2 2 2 2]\nall are here: [4 4 4 4]\nall are here: [8 8 8 8]\n" +
			strings.Repeat("the barrier is broken: true\n", 3),
	},
	"queue":    {"a second one, full: true\n1\na second one, empty: true\nsquares: 0 1 4 9\n"},
	"joinable": {"done: 100, their sum: 4950\nlost: 1\n"},
	"holder_dies": {
		"the owner of the lock has died, 100 are missing: repaired\n" +
			"the holder: exit code -9, cause \"killed\"\naccounts: 600 + 400, owner died: false\n",
	},
	"pipe": {
		"received: [42 <nil> hello] <nil>\n",
		"polled until there was nothing: 9\nreceived until the end: 9\n",
		"asked 0 answered 0\n", "asked 4 answered 16\n",
	},
	"echo_server": {
		"worker 0 has been killed, exit code -9; worker 3 has taken its place\n",
		"lines missing: 0, a client had to try again at most once: true\n",
		"worker 1 has echoed ", "worker 2 has echoed ", "worker 3 has echoed ",
	},
	"go_python": {
		"Python heard: this is Go\nGo heard: and this is Python\nreversed in Python: desserts\n",
	},
	"sum1g": {"size: 64 MiB, workers: ", "\ncreated ", "\nfilled ", "\nfirst pass ", "\nsecond pass ", "\nthe sum is right, both times\n"},
}

// arguments are those of the programs that take too long without.
var arguments = map[string][]string{"sum1g": {"-mib", "64"}}

func TestSmallPrograms(t *testing.T) {
	for name, lines := range small {
		t.Run(name, func(t *testing.T) {
			out := works(t, name, arguments[name]...)
			if reason, skipped := strings.CutPrefix(out, "skipped: "); skipped {
				t.Skip(reason)
			}
			for _, line := range lines {
				require.Contains(t, out, line)
			}
		})
	}
}

func TestEveryProgramIsTestedAndListed(t *testing.T) {
	entries, err := os.ReadDir(programs)
	require.NoError(t, err)
	list, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, e := range entries {
		require.Contains(t, string(list), "\n//\t"+e.Name()+" ", "doc.go does not list it")
		if e.Name() != "md5tree" {
			require.Contains(t, small, e.Name())
		}
	}
	require.Len(t, entries, len(small)+1)
}

func TestDaemonEndsWithItsParent(t *testing.T) {
	require.NotContains(t, works(t, "daemon"), "\ndaemon: work end\n")
}

func TestPythonSharesMemory(t *testing.T) {
	out := works(t, "shared_memory")
	if _, reason, skipped := strings.Cut(out, "python3: skipped: "); skipped {
		t.Skip("python3: " + reason)
	}
	require.Contains(t, out, "python3 sees ['from Python', -273.154, 42, None]\nhello from Python: from Python -273.154 42 <nil>\n")
}

// tree makes a directory with 200 files and what cannot be read, and returns it.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for i := range 200 {
		content := bytes.Repeat([]byte{byte(i)}, 100*i)
		require.NoError(t, os.WriteFile(filepath.Join(root, fmt.Sprint(i)), content, 0o644))
	}
	require.NoError(t, os.Symlink("nowhere", filepath.Join(root, "broken")))
	require.NoError(t, os.Symlink("/proc/self/mem", filepath.Join(root, "mem")))
	return root
}

func TestMD5Tree(t *testing.T) {
	out := works(t, "md5tree", "-dir", tree(t), "-workers", "2")
	for _, line := range []string{
		": 201 files\nskipped: 1\n  broken: broken link\n",
		"\nserial                200      1.9 MiB ",
		"\ngoroutines (2)        200      1.9 MiB ",
		"\nprocesses (2)         200      1.9 MiB ",
		"unreadable: 1\n  mem: input/output error\n",
		"0 workers died, 0 items run again\n",
		": all 3 agree\n",
	} {
		require.Contains(t, out, line)
	}
}

func TestMD5TreeWithChaos(t *testing.T) {
	dir := tree(t)
	plain := digest(t, works(t, "md5tree", "-dir", dir))
	out := works(t, "md5tree", "-dir", dir, "-kill", "2", "-seed", "1234")
	require.Contains(t, out, "2 workers will be killed (seed 1234)\n")
	require.Contains(t, out, "; 2 workers died, ")
	require.Regexp(t, `(?m)^  [0-9.]+ ms: killed pid [0-9]+ (between|in the middle of|before) .*\n  [0-9.]+ ms: killed pid [0-9]+ (between|in the middle of|before) `, out)
	require.Equal(t, plain, digest(t, out))
}

func TestMD5TreeWithPoison(t *testing.T) {
	dir := tree(t)
	plain := digest(t, works(t, "md5tree", "-dir", dir))
	for _, args := range [][]string{
		{"-dir", dir, "-poison", "-timeout", "1s"},
		{"-dir", dir, "-poison", "-timeout", "1s", "-kill", "2", "-workers", "1"},
	} {
		out := works(t, "md5tree", args...)
		require.Regexp(t, `a step that never ends\)\n    started by pid .*\n    pool: .*time limit of 1s`, out)
		require.Regexp(t, `a step that raises SIGSEGV\)\n    started by pid .*\n    pool: worker .* exited with code 2 .*SIGSEGV.*\n    its last words name main.crash\(\) at .*crash_unix.go:`, out)
		require.Equal(t, plain, digest(t, out))
	}
}

// digest finds the line with the digest.
func digest(t *testing.T, out string) string {
	t.Helper()
	for line := range bytes.Lines([]byte(out)) {
		if bytes.HasPrefix(line, []byte("digest ")) {
			require.Contains(t, string(line), "all 3 agree")
			return string(line)
		}
	}
	require.Fail(t, "there is no digest", out)
	return ""
}

func TestMD5TreeRefuses(t *testing.T) {
	for _, each := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-workers", "-1"}, 2, "md5tree: -workers is -1; it has to be positive"},
		{[]string{"-kill", "-1"}, 2, "md5tree: -kill is -1; it cannot be negative"},
		{[]string{"-dir", "/no/such/place"}, 1, "md5tree: there is no directory /no/such/place\n"},
		{[]string{"-dir", "go.mod"}, 1, "md5tree: go.mod is not a directory\n"},
	} {
		_, stderr, code := run(t, "md5tree", each.args...)
		require.Equal(t, each.code, code, "%v", each.args)
		require.Contains(t, stderr, each.says)
	}
	require.Contains(t, works(t, "md5tree", "-dir", t.TempDir()), "no files: nothing to do\n")
}

func TestMD5TreeEndsAtAnInterrupt(t *testing.T) {
	cmd := exec.Command(filepath.Join(programs, "md5tree"), "-dir", tree(t), "-poison", "-timeout", "1h")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	hang := time.AfterFunc(bound, func() { _ = cmd.Process.Kill() })
	defer hang.Stop()

	var out []byte // up to the pass with goroutines, behind which comes the one that hangs
	for buf := make([]byte, 4096); !bytes.Contains(out, []byte("\ngoroutines")); {
		n, err := stdout.Read(buf)
		out = append(out, buf[:n]...)
		require.NoError(t, err, "%s", out)
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	err = cmd.Wait()
	require.Error(t, err)
	require.Equal(t, 130, cmd.ProcessState.ExitCode(), "%s", &stderr)
	require.Contains(t, stderr.String(), "md5tree: interrupted\n")
}

// The README's program is hello, word for word.
func TestHelloIsInTheREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	hello, err := os.ReadFile("hello/main.go")
	require.NoError(t, err)
	_, code, found := strings.Cut(string(hello), "\npackage main\n")
	require.True(t, found)
	require.Contains(t, string(readme), "package main\n"+code)
}
