//go:build linux

package pool_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// programVariable says which of the programs below this process is to be.
const programVariable = "MP_TEST_PROGRAM"

// programs are what TestProgram can be: main functions of their own.
var programs = map[string]func(dir string) error{
	"idle":      func(string) error { return withPIDs(func(*pool.Pool) error { select {} }) },
	"busy":      programBusy,
	"unclosed":  func(string) error { return withPIDs(func(*pool.Pool) error { return nil }) },
	"interrupt": programInterrupt,
	"hook":      programHook,
	"exit":      programExit,
	"nested":    programNested,
}

// TestProgram is not a test: it is what the other tests here start.
func TestProgram(t *testing.T) {
	name, dir, _ := strings.Cut(os.Getenv(programVariable), ":")
	if name == "" {
		return
	}
	if err := programs[name](dir); err != nil {
		fmt.Println("failed:", err)
		mp.Exit(1)
	}
	os.Exit(0) // as the end of main does: without closing anything
}

// start starts a program in a process group of its own.
func start(t *testing.T, name, dir string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestProgram$")
	cmd.Env = append(os.Environ(), programVariable+"="+name+":"+dir, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewReader(out)
}

// line reads a line of a program's output.
func line(t *testing.T, out *bufio.Reader) (text string) {
	t.Helper()
	returns(t, "the program", func() { text, _ = out.ReadString('\n') })
	return strings.TrimSpace(text)
}

// withPIDs makes a pool, prints the pids of its workers, and goes on.
func withPIDs(run func(p *pool.Pool) error) error {
	p, err := pool.New(pool.Options{Workers: 2})
	if err != nil {
		return err
	}
	fmt.Println(strings.Trim(fmt.Sprint(p.Workers()), "[]"))
	return run(p)
}

// pidsOf parses what withPIDs has printed.
func pidsOf(t *testing.T, text string) (pids []int) {
	t.Helper()
	for _, field := range strings.Fields(text) {
		var pid int
		_, err := fmt.Sscan(field, &pid)
		require.NoError(t, err, text)
		pids = append(pids, pid)
	}
	require.Len(t, pids, 2)
	return pids
}

func programBusy(dir string) error {
	return withPIDs(func(p *pool.Pool) error {
		_, err := pool.Map(context.Background(), p, hold, []stay{{Dir: dir, ID: 1, Deaf: true}, {Dir: dir, ID: 2, Deaf: true}})
		return err
	})
}

func TestFAULT09_WorkersDoNotOutliveAKilledParent(t *testing.T) {
	for _, name := range []string{"idle", "busy"} {
		t.Run(name, func(t *testing.T) {
			check(t)
			dir := t.TempDir()
			cmd, out := start(t, name, dir)
			pids := pidsOf(t, line(t, out))
			if name == "busy" {
				until(t, "both run", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 2 })
			}
			for _, pid := range pids {
				assert.True(t, exists(pid))
			}
			kill(t, cmd.Process.Pid)
			until(t, "the workers are gone", func() bool { return !slices.ContainsFunc(pids, exists) })
		})
	}
}

func TestPOOL18_APoolThatIsNotClosedDoesNotKeepTheProgram(t *testing.T) {
	check(t)
	cmd, out := start(t, "unclosed", "")
	pids := pidsOf(t, line(t, out))
	returns(t, "the program", func() { assert.NoError(t, cmd.Wait()) })
	until(t, "the workers are gone", func() bool { return !slices.ContainsFunc(pids, exists) })
}

// programInterrupt takes the signals of a terminal, finishes its work all the
// same, and says so.
func programInterrupt(dir string) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return withPIDs(func(p *pool.Pool) error {
		f := pool.MapAsync(context.Background(), p, hold, []stay{{Dir: dir, ID: 1}, {Dir: dir, ID: 2}}, pool.ChunkSize(1))
		for range 2 {
			fmt.Println(<-signals)
		}
		got, err := f.Get(context.Background())
		if err != nil {
			return err
		}
		fmt.Println(got, p.Stats().Died)
		return p.Shutdown(context.Background())
	})
}

func TestFAULT12_SignalsToTheWholeGroupLeaveTheEndToTheParent(t *testing.T) {
	check(t)
	dir := t.TempDir()
	cmd, out := start(t, "interrupt", dir)
	pids := pidsOf(t, line(t, out))
	until(t, "both run", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 2 })
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		require.NoError(t, syscall.Kill(-cmd.Process.Pid, sig))
		assert.Equal(t, sig.String(), line(t, out))
	}
	for _, pid := range pids {
		assert.True(t, exists(pid))
	}
	open(t, dir)
	assert.Equal(t, "[1 2] 0", line(t, out))
	returns(t, "the program", func() { assert.NoError(t, cmd.Wait()) })
}

// programHook submits from an exit hook.
func programHook(string) error {
	p, err := pool.New(pool.Options{Workers: 1})
	if err != nil {
		return err
	}
	mp.OnExit(func() {
		fmt.Println(pool.Submit(context.Background(), p, square.With(2)).Err())
		fmt.Println(len(p.Workers()))
	})
	mp.Exit(0)
	return nil
}

func TestLIFE07_SubmittingWhileTheProgramEndsIsAnError(t *testing.T) {
	check(t)
	cmd, out := start(t, "hook", "")
	assert.Equal(t, pool.ErrShutdown.Error(), line(t, out))
	assert.Equal(t, "0", line(t, out))
	returns(t, "the program", func() { assert.NoError(t, cmd.Wait()) })
}

// programExit ends in good order while a task runs and another is queued.
func programExit(dir string) error {
	return withPIDs(func(p *pool.Pool) error {
		for i := range 4 {
			pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, ID: i, Deaf: true}))
		}
		for {
			if text, _ := os.ReadFile(filepath.Join(dir, "started")); len(text) >= 4 {
				mp.Exit(3)
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func TestLIFE06_TheEndOfTheProgramEndsThePoolAndWhatItRuns(t *testing.T) {
	check(t)
	dir := t.TempDir()
	cmd, out := start(t, "exit", dir)
	pids := pidsOf(t, line(t, out))
	returns(t, "the program", func() { _ = cmd.Wait() })
	assert.Equal(t, 3, cmd.ProcessState.ExitCode())
	assert.False(t, slices.ContainsFunc(pids, exists), "they ended before the program")
	assert.Len(t, notes(t, filepath.Join(dir, "started")), 2)
}
