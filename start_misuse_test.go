//go:build linux

package mp_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A program that misuses the library is told how to mend it, and never becomes
// a chain of processes.
func TestSTART03_NoChainOfProcesses(t *testing.T) {
	const remedy = "first statement of main"
	for _, c := range []struct {
		name   string
		births int
		says   []string
	}{
		{"init-start", 1, []string{remedy, "package initialisation"}},
		{"before-init", 1, []string{remedy}},
		{"never-init", 1, []string{remedy}},
		{"lost-exit", 2, []string{"exited with code 0 before it reached mp.Init", remedy}},
		{"lost-panic", 2, []string{"before it reached mp.Init"}},
		{"conditional", 2, []string{"other tasks than its parent", "package-level"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := programCommand(bounded(t), t, c.name)
			count := births(t, cmd)
			o := finish(t, cmd)
			assert.Equal(t, 1, o.code)
			for _, words := range c.says {
				assert.Contains(t, o.stderr, words)
			}
			assert.Equal(t, c.births, count())
			if c.births == 2 {
				assert.Contains(t, o.stdout, "cause start failed")
			}
		})
	}
}

// The one test that waits for the whole time that a start may take.
func TestSTART03_AChildThatNeverReachesInitIsAnError(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	cmd := programCommand(ctx, t, "lost-hang")
	count := births(t, cmd)
	o := finish(t, cmd)
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, "did not reach mp.Init within 10s")
	assert.Contains(t, o.stderr, "first statement of main")
	assert.Contains(t, o.stdout, "cause start failed code -9")
	assert.Equal(t, 2, count())
}

func TestSTART08_InitReportsAllFaultsAtOnce(t *testing.T) {
	o := runProgram(t, "faults")
	assert.Equal(t, 2, o.code)
	for _, words := range []string{
		`name "twins" is given to both`, "secretive.hidden", "node.C[]", "func()", "error", "[]complex128", "Process",
	} {
		assert.Contains(t, o.stderr, words)
	}
}

func TestSTART08_TwoErrorsOfOneName(t *testing.T) {
	o := runProgram(t, "same-errors")
	assert.Equal(t, 2, o.code)
	assert.Contains(t, o.stderr, `RegisterError("testprog.taken"): the name is taken`)
}

func TestSTART07_RegisteringAfterInitPanics(t *testing.T) {
	o := runProgram(t, "late")
	assert.Zero(t, o.code, o.stderr)
	for _, words := range []string{"Pure mp: main.lateTask is registered after mp.Init", "Action mp: main.late", "Named mp: Named(late)", "package-level variables"} {
		assert.Contains(t, o.stdout, words)
	}
	assert.Contains(t, o.stdout, "result 49", "what was declared in time still runs")
}
