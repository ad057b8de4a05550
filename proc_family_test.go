//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

// startTalking starts a grandchild that has the mailbox, too.
func startTalking(call mp.AnyCall, set ...func(*mp.Process)) (*mp.Process, error) {
	p := mp.NewProcess(call)
	p.ExtraFiles = []*os.File{voice()}
	for _, f := range set {
		f(p)
	}
	return p, p.Start()
}

var watchParent = mp.Action0(func(ctx context.Context) error {
	say("parent", mp.Parent().PID(), "alive", mp.Parent().Alive())
	<-mp.Parent().Done()
	<-ctx.Done()
	say("alive", mp.Parent().Alive(), "join", mp.Parent().Join(context.Background()), "kill", mp.Parent().Kill() != nil)
	return nil
})

var startWatcher = mp.Action0(func(context.Context) error {
	if _, err := startTalking(watchParent.With(none)); err != nil {
		return err
	}
	select {}
})

func TestPROC06_AGrandchildSeesTheEndOfItsParent(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, startWatcher.With(none))
	assert.Equal(t, fmt.Sprintf("parent %d alive true", p.PID()), box.next(t))
	require.NoError(t, p.Terminate())
	assert.Equal(t, "alive false join <nil> kill true", box.next(t))
	assert.Equal(t, -15, failed(t, join(t, p)).Code)
	assert.Empty(t, box.rest(t), "the grandchild ends, too")
}

// grow says its path in the tree and has two children, one after the other.
var grow *mp.Task[string, mp.None]

func init() { grow = mp.Action(growTree) }

func growTree(ctx context.Context, path string) error {
	say("path", path)
	if len(path) == 2 {
		return nil
	}
	for i := range 2 {
		p, err := startTalking(grow.With(fmt.Sprint(path, i)))
		if err != nil {
			return err
		}
		if err := p.Join(ctx); err != nil {
			return err
		}
	}
	return nil
}

func TestPROC12_ProcessesStartProcesses(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, grow.With(""))
	require.NoError(t, join(t, p))
	assert.Equal(t, []string{"path ", "path 0", "path 00", "path 01", "path 1", "path 10", "path 11"}, box.rest(t))
}

// reportName says its name and, in a child of the test, has two children.
var reportName *mp.Task[mp.None, mp.None]

func init() { reportName = mp.Action0(reportNames) }

func reportNames(ctx context.Context) error {
	say(mp.Self().Name)
	if strings.Contains(mp.Self().Name, ":") {
		return nil
	}
	for range 2 {
		p, err := startTalking(reportName.With(none))
		if err != nil {
			return err
		}
		if err := p.Join(ctx); err != nil {
			return err
		}
	}
	return nil
}

func TestPROC23_NamesAndText(t *testing.T) {
	p, box := launchTalking(t, reportName.With(none))
	assert.Regexp(t, `^Process-\d+$`, p.Name)
	assert.Equal(t, p.Name, box.next(t))
	assert.Equal(t, p.Name+":1", box.next(t), "the first child of that child")
	assert.Equal(t, p.Name+":2", box.next(t))
	require.NoError(t, join(t, p))

	q := mp.NewProcess(hang.With(none))
	q.Name = "Mein Prozess"
	assert.Regexp(t, `Mein Prozess.*initial`, q.String())
	named, box := launchTalking(t, hang.With(none), func(p *mp.Process) { p.Name = "Mein Prozess" })
	box.next(t)
	assert.Regexp(t, fmt.Sprintf(`Mein Prozess.*%d.*started`, named.PID()), named.String())
	require.NoError(t, named.Kill())
	failed(t, join(t, named))
	assert.Regexp(t, fmt.Sprintf(`Mein Prozess.*%d.*stopped`, named.PID()), named.String())
	require.NoError(t, named.Close())
	assert.Contains(t, named.String(), "closed")
	assert.NotEqual(t, p.Name, launch(t, nothing.With(none)).Name)
}

var ownHandles = mp.Action0(func(ctx context.Context) error {
	self, parent := mp.Self(), mp.Parent()
	for name, err := range map[string]error{
		"Self.Join": self.Join(ctx), "Self.Start": self.Start(), "Self.Kill": self.Kill(), "Self.Close": self.Close(),
		"Parent.Start": parent.Start(), "Parent.Terminate": parent.Terminate(), "Parent.Stop": parent.Stop(ctx), "Parent.Close": parent.Close(),
	} {
		if err == nil {
			return fmt.Errorf("%s is no error", name)
		}
	}
	if !self.Alive() || !parent.Alive() {
		return fmt.Errorf("self alive: %v, parent alive: %v", self.Alive(), parent.Alive())
	}
	return nil
})

func TestPROC26_OnlyTheCreatorMayUseAProcess(t *testing.T) {
	_, err := mp.Run(bounded(t), ownHandles.With(none))
	require.NoError(t, err)
}

func TestFAULT08_ChildrenNeverJoinedLeaveNoZombies(t *testing.T) {
	leaktest.Check(t)
	pids := make([]int, 50)
	for i := range pids {
		p := mp.NewProcess(nothing.With(none))
		require.NoError(t, p.Start())
		pids[i] = p.PID()
	}
	eventually(t, "all are reaped", func() bool {
		for _, pid := range pids {
			if syscall.Kill(pid, 0) == nil {
				return false
			}
		}
		return true
	})
	eventually(t, "all are known to have ended", func() bool { return len(mp.ActiveChildren()) == 0 })
}
