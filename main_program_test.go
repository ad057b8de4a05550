//go:build linux

package mp_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMainReportsAnError(t *testing.T) {
	o := runProgram(t, "fail")
	assert.Equal(t, 1, o.code)
	assert.Equal(t, "this has failed\n", o.stderr)
}

func TestMainEndsTheContextAtASignal(t *testing.T) {
	for _, c := range []struct {
		program string
		signal  syscall.Signal
		code    int
	}{
		{"wait", syscall.SIGINT, 130},
		{"wait", syscall.SIGTERM, 143},
		{"wait-nil", syscall.SIGINT, 0},
	} {
		t.Run(fmt.Sprint(c.program, c.signal), func(t *testing.T) {
			cmd := programCommand(bounded(t), t, c.program)
			box, w := newMailbox(t)
			cmd.Stdout = w
			require.NoError(t, cmd.Start())
			require.NoError(t, w.Close())
			assert.Equal(t, "ready", box.next(t))
			require.NoError(t, cmd.Process.Signal(c.signal))
			_ = cmd.Wait()
			assert.Equal(t, c.code, cmd.ProcessState.ExitCode())
		})
	}
}

func TestMainDiesOfTheSecondSignal(t *testing.T) {
	cmd := programCommand(bounded(t), t, "stubborn")
	box, w := newMailbox(t)
	cmd.Stdout = w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	assert.Equal(t, "ready", box.next(t))
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	assert.Equal(t, "ended", box.next(t), "the first one ends the context only")
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	_ = cmd.Wait()
	assert.Equal(t, syscall.SIGINT, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
}

func TestFAULT16_AnErrorTwoLevelsDownIsTheErrorOnly(t *testing.T) {
	o := runProgram(t, "nested-error")
	assert.Equal(t, 1, o.code)
	assert.Empty(t, o.stdout)
	assert.Equal(t, "the outer error: the inner error\n", o.stderr)
}

// A program with two generations of daemons and other children is killed: the
// daemons go with their parents, the others see that theirs has gone.
func TestFAULT09_TheParentIsKilled(t *testing.T) {
	cmd := programCommand(bounded(t), t, "orphans")
	count := births(t, cmd)
	box, w := newMailbox(t)
	cmd.Stdout = w
	require.NoError(t, cmd.Start())
	require.NoError(t, w.Close())
	pids := map[string][]int{}
	for range 6 {
		var kind string
		var pid int
		line := box.next(t)
		_, err := fmt.Sscan(line, &kind, &pid)
		require.NoError(t, err, line)
		pids[kind] = append(pids[kind], pid)
	}
	require.Len(t, pids["daemon"], 3)
	require.Len(t, pids["free"], 3)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	for _, pid := range pids["daemon"] {
		eventually(t, "the daemons end", func() bool { return gone(pid) })
	}
	var orphans []int
	for _, line := range box.rest(t) { // ends when the last of them has
		var pid int
		_, err := fmt.Sscanf(line, "orphan %d false", &pid)
		require.NoError(t, err, line)
		orphans = append(orphans, pid)
	}
	for _, pid := range pids["free"] {
		assert.Contains(t, orphans, pid, "%v", pids)
	}
	assert.Equal(t, 7, count())
}

// What Start has accepted is done, whatever becomes of the parent.
func TestAChildDoesItsWorkThoughItsParentEndsAtOnce(t *testing.T) {
	for _, size := range []string{"0", "10000000"} {
		t.Run(size, func(t *testing.T) {
			for range 10 {
				cmd := programCommand(bounded(t), t, "forget", size)
				box, w := newMailbox(t)
				cmd.Stdout = w
				require.NoError(t, cmd.Start())
				require.NoError(t, w.Close())
				require.NoError(t, cmd.Wait())
				require.Equal(t, size, box.next(t))
			}
		})
	}
}
