//go:build linux

package mp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

func TestLIFE01_AnOrderlyEnd(t *testing.T) {
	cmd := programCommand(bounded(t), t, "end")
	count := births(t, cmd)
	o := finish(t, cmd)
	assert.Zero(t, o.code)
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	assert.Equal(t, []string{"end of run", "slow child done", "hook 3", "hook 1"}, lines)
	assert.Contains(t, o.stderr, "OnExit panicked: hook 2")
	assert.Equal(t, 3, count(), "and the daemon is gone")
}

// In Python a daemon may not have children; here it may, and they end with it.
func TestLIFE02_DaemonsMayHaveChildren(t *testing.T) {
	leaktest.Check(t)
	got, err := mp.Run(bounded(t), nested.With(3))
	require.NoError(t, err)
	assert.Equal(t, 3, got)
}

var nested *mp.Task[int, int]

func init() {
	nested = mp.Func(func(ctx context.Context, depth int) (int, error) {
		if depth == 0 {
			return 0, nil
		}
		n, err := mp.Run(ctx, nested.With(depth-1))
		return n + 1, err
	})
}

// withHooks registers exit hooks and then ends in one way or another.
var withHooks = mp.Action(func(_ context.Context, how string) error {
	for i := range 3 {
		mp.OnExit(func() { say("hook", i) })
	}
	mp.OnExit(func() { panic("in a hook") })
	switch how {
	case "error":
		return errors.New("an error")
	case "panic":
		panic("a panic")
	case "exit":
		mp.Exit(0)
	case "os.Exit":
		exitNow()
	}
	return nil
})

func TestLIFE03_OnExit(t *testing.T) {
	leaktest.Check(t)
	all := []string{"hook 2", "hook 1", "hook 0"}
	for how, want := range map[string][]string{"return": all, "error": all, "panic": all, "exit": all, "os.Exit": nil} {
		stderr := outputFile(t)
		p, box := launchTalking(t, withHooks.With(how), func(p *mp.Process) { p.Stderr = stderr })
		assert.Equal(t, want, box.rest(t), how)
		err := join(t, p)
		switch how {
		case "error":
			assert.Equal(t, mp.CauseError, failed(t, err).Cause)
		case "panic":
			assert.Equal(t, mp.CausePanic, failed(t, err).Cause)
		case "os.Exit":
			assert.Equal(t, 5, failed(t, err).Code)
		default:
			require.NoError(t, err, how)
		}
		if want != nil {
			assert.Contains(t, content(t, stderr), "panicked: in a hook", how)
		}
	}
}

func TestLIFE04_HooksRunOnceLastInFirstOut(t *testing.T) {
	o := runProgram(t, "hooks")
	assert.Equal(t, 7, o.code)
	assert.Equal(t, "hook 2\nhook 1\nhook registered by hook 1\n", o.stdout)
}

// manyHooks registers hooks from many goroutines.
var manyHooks = mp.Action(func(_ context.Context, n int) error {
	var ran atomic.Int64
	mp.OnExit(func() { say("ran", ran.Load()) })
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for range n {
				mp.OnExit(func() { ran.Add(1) })
			}
		})
	}
	wg.Wait()
	return nil
})

func TestLIFE05_OnExitFromManyGoroutines(t *testing.T) {
	p, box := launchTalking(t, manyHooks.With(100))
	assert.Equal(t, "ran 10000", box.next(t))
	require.NoError(t, join(t, p))
}

// generations counts descriptors and active children at each depth.
var generations *mp.Task[int, [][2]int]

func init() {
	generations = mp.Func(func(ctx context.Context, depth int) ([][2]int, error) {
		mine := [][2]int{{openFiles(), len(mp.ActiveChildren())}}
		if depth == 1 {
			return mine, nil
		}
		deeper, err := mp.Run(ctx, generations.With(depth-1))
		return append(mine, deeper...), err
	})
}

func TestLIFE08_NothingGrowsWithTheDepth(t *testing.T) {
	leaktest.Check(t)
	got, err := mp.Run(bounded(t), generations.With(5))
	require.NoError(t, err)
	require.Len(t, got, 5)
	for _, counts := range got {
		assert.Equal(t, got[0], counts, "%v", got)
	}
}

var runsMany = mp.Func(func(ctx context.Context, n int) (int, error) {
	results := make(chan int, n)
	errs := make(chan error, n)
	for i := range n {
		go func() {
			out, err := mp.Run(ctx, square.With(i))
			results <- out
			errs <- err
		}()
	}
	sum := 0
	var err error
	for range n {
		sum += <-results
		err = errors.Join(err, <-errs)
	}
	return sum, err
})

func TestLIFE09_AChildThatUsesProcessesEndsCleanly(t *testing.T) {
	leaktest.Check(t)
	got, err := mp.Run(bounded(t), runsMany.With(8))
	require.NoError(t, err)
	assert.Equal(t, 140, got)
}

var haveBoth = mp.Action0(func(context.Context) error {
	d, err := startTalking(sayPIDAndHang.With(none), daemon)
	if err != nil {
		return err
	}
	if _, err = startTalking(sayLater.With(none)); err != nil {
		return err
	}
	say("daemon", d.PID())
	return nil
})

var sayPIDAndHang = mp.Action0(func(context.Context) error {
	time.Sleep(time.Hour)
	return nil
})

var sayLater = mp.Action0(func(context.Context) error {
	time.Sleep(200 * time.Millisecond)
	say("free child done")
	return nil
})

func TestLIFE11_AChildEndsItsDaemonsAndWaitsForTheOthers(t *testing.T) {
	leaktest.Check(t)
	p, box := launchTalking(t, haveBoth.With(none))
	var pid int
	_, err := fmt.Sscanf(box.next(t), "daemon %d", &pid)
	require.NoError(t, err)
	require.NoError(t, join(t, p))
	assert.True(t, gone(pid), "the daemon has ended with its parent")
	assert.Equal(t, []string{"free child done"}, box.rest(t), "the other was waited for")
}
