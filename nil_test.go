//go:build linux

package mp_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

// nilTasks makes this program declare tasks without functions.
const nilTasks = "MP_TEST_NIL_TASKS"

func init() {
	if os.Getenv(nilTasks) != "" {
		mp.Func[int8, int](nil)
		mp.Pure[int16, int](nil).Named("given")
		mp.Action[int32](nil)
		mp.Action0(nil)
		mp.Func2[int8, int16, int](nil)
		mp.Func3[int8, int16, int32, int](nil)
	}
}

func TestInitReportsTasksWithoutFunctions(t *testing.T) {
	cmd := exec.CommandContext(bounded(t), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), nilTasks+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	text := string(out)
	assert.Contains(t, text, "mp: the declared tasks cannot be used")
	assert.Equal(t, 6, strings.Count(text, "its function is nil"), text)
	assert.Regexp(t, `task func\(int8\) int \(nil_test.go:\d+\): its function is nil`, text)
	assert.Regexp(t, `task given \(nil_test.go:\d+\): its function is nil`, text)
	assert.NotContains(t, text, "nil pointer")
}

func TestCallsOfNoTaskAreRefused(t *testing.T) {
	for name, task := range map[string]*mp.Task[int, int]{"nil": nil, "zero": {}} {
		assert.Empty(t, task.Name(), name)
		assert.PanicsWithValue(t, "mp: Named(mine) of a nil or zero Task: declare it with Func, Pure, Action, Action0 or Runner",
			func() { task.Named("mine") }, name)
		call := task.With(1)
		assert.Equal(t, mp.Call[int]{}, call, name)
		_, err := mp.Run(bounded(t), call)
		assert.ErrorContains(t, err, "needs a call", name)
		assert.ErrorContains(t, mp.NewProcess(call).Start(), "needs a call", name)
	}
}

func TestOnExitOfNilPanicsAtOnce(t *testing.T) {
	assert.PanicsWithValue(t, "mp: OnExit(nil)", func() { mp.OnExit(nil) })
}

func TestNilOptionsAreNothing(t *testing.T) {
	l, err := mp.NewRLock()
	require.NoError(t, err)
	defer l.Close()
	v, err := mp.NewValue(7, nil, mp.WithLock(l), nil)
	require.NoError(t, err)
	defer v.Close()
	assert.Equal(t, 7, v.Load())
	v.Lock()
	assert.True(t, l.Locked(), "the other options count")
	v.Unlock()
	a, err := mp.NewArray[int](2, nil)
	require.NoError(t, err)
	require.NoError(t, a.Close())
}
