//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

// runCommand runs a program in the child, and returns what it wrote.
var runCommand = mp.Func(func(ctx context.Context, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin = os.Stdin
	out, err := cmd.CombinedOutput()
	return string(out), err
})

func TestG10_TheMarkerIsNotInherited(t *testing.T) {
	leaktest.Check(t)
	got, err := mp.Run(bounded(t), lookAround.With(0))
	require.NoError(t, err)
	assert.NotContains(t, strings.Join(got.Env, "\n"), "MP_CHILD")
	out, err := mp.Run(bounded(t), runCommand.With([]string{"env"}))
	require.NoError(t, err)
	assert.NotContains(t, out, "MP_CHILD")
	assert.NotContains(t, out, "atexit_sleep_ms", "the option for the race detector is for the child only")
}

// The marker itself is no way to make a program believe that it is a child, nor
// to make a child forget it.
func TestG10_AForeignMarkerDeceivesNobody(t *testing.T) {
	cmd := programCommand(bounded(t), t, "marker")
	count := births(t, cmd)
	cmd.Env = append(cmd.Env, "MP_CHILD=3:3:1")
	o := finish(t, cmd)
	assert.Zero(t, o.code, o.stderr)
	assert.Equal(t, "result 49\nresult 49\n", o.stdout)
	assert.Equal(t, 3, count())
}

func TestG10_ProgramsOfAChildSeeNoPrivateDescriptors(t *testing.T) {
	leaktest.Check(t)
	out, err := mp.Run(bounded(t), runCommand.With([]string{"ls", "/proc/self/fd"}))
	require.NoError(t, err)
	assert.Equal(t, []string{"0", "1", "2", "3"}, strings.Fields(out), "3 is that of ls itself")
}

func TestSTART18_AProgramOfAChildReadsAnEmptyStdin(t *testing.T) {
	out, err := mp.Run(bounded(t), runCommand.With([]string{"cat"}))
	require.NoError(t, err)
	assert.Empty(t, out)
}

// targets says where the standard streams lead.
var targets = mp.Func(func(context.Context, mp.None) ([]string, error) { return streamTargets() })

func streamTargets() (names []string, err error) {
	for fd := range 3 {
		var st syscall.Stat_t
		if err := syscall.Fstat(fd, &st); err != nil {
			return nil, err
		}
		names = append(names, fmt.Sprintf("%d:%d:%d", st.Dev, st.Ino, st.Rdev))
	}
	return names, nil
}

func TestSTART13_StandardStreams(t *testing.T) {
	mine, err := streamTargets()
	require.NoError(t, err)
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	var st syscall.Stat_t
	require.NoError(t, syscall.Fstat(int(null.Fd()), &st))
	got, err := mp.Run(bounded(t), targets.With(none))
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("%d:%d:%d", st.Dev, st.Ino, st.Rdev), got[0], "stdin is /dev/null")
	assert.Equal(t, mine[1:], got[1:], "stdout and stderr are those of the parent")
}

func TestSTART13_ChildrenDoNotReadTheStdinOfTheParent(t *testing.T) {
	cmd := programCommand(bounded(t), t, "stdin")
	text := strings.Repeat("every byte is for the parent\n", 1000)
	cmd.Stdin = strings.NewReader(text)
	o := finish(t, cmd)
	require.Zero(t, o.code, o.stderr)
	assert.Equal(t, fmt.Sprintf("children \"\" \"\", parent %q\n", text), o.stdout)
}

var closeThree = mp.Func(func(context.Context, mp.None) (string, error) {
	_ = syscall.Close(3) // whatever that is: not what the library needs
	fmt.Println("\x00\x01garbage\xff on stdout")
	return "all is well", nil
})

func TestATaskThatClosesDescriptorThreeAndWritesGarbage(t *testing.T) {
	leaktest.Check(t)
	p := launch(t, closeThree.With(none), func(p *mp.Process) { p.Stdout, p.Stderr = outputFile(t), outputFile(t) })
	if err := join(t, p); err != nil { // it may be the runtime's own poller
		assert.Contains(t, failed(t, err).Error(), "fatal error")
	}
}
