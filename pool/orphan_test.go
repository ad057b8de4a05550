//go:build linux

package pool_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

func init() {
	programs["orphan"] = programOrphan
	programs["leave"] = programLeave
}

// programOrphan keeps nothing but a future of its pool.
func programOrphan(dir string) error {
	submit := func() (*pool.Future[int], []*pool.Future[int], error) {
		p, err := pool.New(pool.Options{Workers: 1})
		if err != nil {
			return nil, nil, err
		}
		f := pool.Submit(context.Background(), p, holdPID.With(dir))
		return f, []*pool.Future[int]{pool.Submit(context.Background(), p, square.With(5))}, nil
	}
	f, queued, err := submit()
	if err != nil {
		return err
	}
	for readPID(dir) == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 5 {
		runtime.GC()
	}
	if err := syscall.Kill(readPID(dir), syscall.SIGKILL); err != nil {
		return err
	}
	_, err = f.Get(context.Background())
	fmt.Println(isDeath(err))
	fmt.Println(queued[0].Get(context.Background()))
	return nil
}

func TestFAULT15_ACrashIsNoticedThoughNobodyHoldsThePool(t *testing.T) { // and LIFE-12
	check(t)
	cmd, out := start(t, "orphan", t.TempDir())
	assert.Equal(t, "true", line(t, out))
	assert.Equal(t, "25 <nil>", line(t, out), "what was queued is done all the same")
	returns(t, "the program", func() { assert.NoError(t, cmd.Wait()) })
}

// programLeave gives up waiting for Shutdown and ends in good order.
func programLeave(dir string) error {
	p, err := pool.New(pool.Options{Workers: 1})
	if err != nil {
		return err
	}
	f := pool.Submit(context.Background(), p, hold.With(stay{Dir: dir, Deaf: true}))
	for f.State() != pool.Running {
		time.Sleep(time.Millisecond)
	}
	f.OnDone(func(_ int, err error) { fmt.Println(err) })
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(p.Shutdown(ctx))
	mp.Exit(0)
	return nil
}

func TestLIFE10_TheEndOfTheProgramDoesNotWaitForAShutdownThatWasGivenUp(t *testing.T) {
	check(t)
	cmd, out := start(t, "leave", t.TempDir())
	assert.Equal(t, context.DeadlineExceeded.Error(), line(t, out))
	returns(t, "the program", func() { assert.NoError(t, cmd.Wait()) })
}

func TestLIFE12_APoolThatNobodyRefersToGoesOn(t *testing.T) {
	check(t)
	dir := t.TempDir()
	cmd, out := start(t, "orphan", dir)
	assert.Equal(t, "true", line(t, out))
	returns(t, "the program", func() { _ = cmd.Wait() })
	pid := readPID(dir)
	until(t, "its worker is gone with the program", func() bool { return !exists(pid) })
}

func TestFAULT14_TheErrorOfAnArgumentThatCannotBeDecodedSaysWhy(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	_, err := pool.Apply(within(t), p, trapIn.With(trap{"decode in the worker error"}))
	var remote *mp.RemoteError
	require.ErrorAs(t, err, &remote)
	assert.Contains(t, remote.Text, "cannot be decoded")
	assert.Contains(t, remote.Text, "the trap of decode in the worker")
	assert.Contains(t, remote.Text, "UnmarshalBinary")
}

// spawning runs a program and reports what it sees of the pool's plumbing.
var spawning = mp.Func(func(context.Context, int) (string, error) {
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "MP_CHILD") {
			return entry, nil
		}
	}
	// What a program that is run here would inherit: descriptors without
	// close-on-exec.
	entries, err := os.ReadDir("/proc/self/fdinfo")
	if err != nil {
		return "", err
	}
	var open []string
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join("/proc/self/fdinfo", e.Name()))
		if err != nil || len(e.Name()) == 1 && e.Name() < "3" {
			continue
		}
		var flags uint
		for l := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(l, "flags:"); ok {
				if _, err := fmt.Sscanf(strings.TrimSpace(rest), "%o", &flags); err != nil {
					return "", err
				}
			}
		}
		if flags&syscall.O_CLOEXEC == 0 {
			open = append(open, e.Name())
		}
	}
	return strings.Join(open, " "), nil
})

func TestG10_ThePlumbingDoesNotReachProgramsThatTasksRun(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	for range 4 {
		got, err := pool.Apply(within(t), p, spawning.With(0))
		require.NoError(t, err)
		assert.Empty(t, got)
	}
}
