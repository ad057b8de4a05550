//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

type identity struct {
	Name, ParentName string
	PID, ParentPID   int
	Arg              []string
	Daemon           bool
}

// whoAmI says who it is, and ends when it is told to.
var whoAmI = mp.Action(func(ctx context.Context, arg []string) error {
	self, parent := mp.Self(), mp.Parent()
	say(fmt.Sprintf("%+v", identity{self.Name, parent.Name, self.PID(), parent.PID(), arg, self.Daemon}))
	<-ctx.Done()
	return nil
})

func TestPROC01_TheMainProcessKnowsItself(t *testing.T) {
	self := mp.Self()
	assert.True(t, self.Alive())
	assert.False(t, self.Daemon)
	assert.Equal(t, os.Getpid(), self.PID())
	assert.Equal(t, "MainProcess", self.Name)
	_, exited := self.ExitCode()
	assert.False(t, exited)
	require.Error(t, self.Join(bounded(t)), "nobody can wait for himself")
	require.ErrorIs(t, self.Start(), mp.ErrStarted)
	assert.Same(t, self, mp.Self())
	assert.Len(t, mp.AuthKey(), mp.AuthKeySize)
	mine := mp.AuthKey()
	clear(mine)
	assert.NotEqual(t, mine, mp.AuthKey(), "the slice is the caller's")
}

func TestPROC01_EachRunHasAKeyOfItsOwn(t *testing.T) {
	var keys []string
	for range 2 {
		o := runProgram(t, "auth-key")
		require.Zero(t, o.code, o.stderr)
		lines := strings.Fields(o.stdout)
		require.Len(t, lines, 2)
		assert.Regexp(t, `^[0-9a-f]{64}$`, lines[0])
		assert.Equal(t, lines[0], lines[1], "the grandchild has that of the main process")
		keys = append(keys, lines[0])
	}
	assert.NotEqual(t, keys[0], keys[1])
	assert.NotContains(t, keys, fmt.Sprintf("%x", mp.AuthKey()))
}

var daemonFlags = mp.Func(func(context.Context, mp.None) ([]bool, error) {
	inherited, on, off := mp.NewProcess(nothing.With(none)), mp.NewProcess(nothing.With(none)), mp.NewProcess(nothing.With(none))
	on.Daemon, off.Daemon = true, false
	return []bool{inherited.Daemon, on.Daemon, off.Daemon}, nil
})

func TestPROC03_DaemonIsInheritedUnlessSet(t *testing.T) {
	assert.False(t, mp.NewProcess(nothing.With(none)).Daemon)
	got, err := mp.Run(bounded(t), daemonFlags.With(none)) // what Run starts is a daemon
	require.NoError(t, err)
	assert.Equal(t, []bool{true, true, false}, got)
}

// A testimony is what a process puts into a queue about itself.
type testimony struct {
	Who identity
	Key []byte
}

// A mission is what a process is sent for.
type mission struct {
	Arg    []string
	Report *mp.Queue[testimony]
}

var reportSelf = mp.Action(func(ctx context.Context, e mission) error {
	self, parent := mp.Self(), mp.Parent()
	who := identity{self.Name, parent.Name, self.PID(), parent.PID(), e.Arg, self.Daemon}
	if err := e.Report.Put(ctx, testimony{who, mp.AuthKey()}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
})

func TestPROC04_WholeLifeCycle(t *testing.T) {
	leaktest.Check(t)
	reports := made[*mp.Queue[testimony]](t)(mp.NewQueue[testimony](1))
	p := mp.NewProcess(reportSelf.With(mission{[]string{"a", "b"}, reports}))
	p.Name = "Fred"
	assert.False(t, p.Alive())
	assert.NotContains(t, mp.ActiveChildren(), p)
	_, exited := p.ExitCode()
	assert.False(t, exited)
	assert.Zero(t, p.PID())

	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Kill() })
	assert.True(t, p.Alive())
	assert.Contains(t, mp.ActiveChildren(), p)
	_, exited = p.ExitCode()
	assert.False(t, exited)
	want := identity{"Fred", mp.Self().Name, p.PID(), os.Getpid(), []string{"a", "b"}, false}
	got, err := reports.Get(bounded(t))
	require.NoError(t, err)
	assert.Equal(t, testimony{want, mp.AuthKey()}, got)

	require.NoError(t, p.Stop(bounded(t)))
	require.NoError(t, join(t, p))
	code, exited := p.ExitCode()
	assert.True(t, exited)
	assert.Zero(t, code)
	assert.False(t, p.Alive())
	assert.NotContains(t, mp.ActiveChildren(), p)
}

func TestPROC05_ParentNamesTheStarter(t *testing.T) {
	assert.Nil(t, mp.Parent())
	assert.Zero(t, mp.Parent().PID(), "methods of a nil Process are safe")
	p, box := launchTalking(t, whoAmI.With(nil), daemon)
	assert.Equal(t, fmt.Sprintf("{Name:%s ParentName:MainProcess PID:%d ParentPID:%d Arg:[] Daemon:true}", p.Name, p.PID(), os.Getpid()), box.next(t))
}

func TestPROC11_ActiveChildren(t *testing.T) {
	unstarted := mp.NewProcess(nothing.With(none))
	running, box := launchTalking(t, hang.With(none))
	over := launch(t, nothing.With(none))
	require.NoError(t, join(t, over))
	box.next(t)
	children := mp.ActiveChildren()
	assert.NotContains(t, children, unstarted)
	assert.Contains(t, children, running)
	assert.NotContains(t, children, over)
	children[0] = nil
	assert.Contains(t, mp.ActiveChildren(), running, "the slice is a snapshot")
}

func TestPROC11_EndedChildrenAreNeverListed(t *testing.T) {
	for range 30 {
		p := launch(t, nothing.With(none))
		<-p.Done()
		require.NotContains(t, mp.ActiveChildren(), p, "Done is closed, so the process has ended")
		require.Empty(t, state(p.PID()), "and is reaped")
	}
}

func TestPROC13_DoneIsTheSentinel(t *testing.T) {
	p := mp.NewProcess(raise.With(15))
	isDone := func() bool {
		select {
		case <-p.Done():
			return true
		default:
			return false
		}
	}
	assert.False(t, isDone(), "before the start nothing has ended")
	require.NoError(t, p.Start())
	select {
	case <-p.Done():
	case <-time.After(patience):
		require.Fail(t, "the sentinel does not show the end")
	}
	assert.True(t, isDone(), "and stays ready")
	code, _ := p.ExitCode()
	assert.Equal(t, -15, code)
	var none *mp.Process
	assert.Nil(t, none.Done())
}
