//go:build linux

package pool_test

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

func TestFAULT01_AMapWhoseWorkerIsKilledNeverHangs(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		dir := t.TempDir()
		f := pool.MapAsync(context.Background(), p, hold, []stay{{Dir: dir, ID: 1}, {Dir: dir, ID: 2}, {Dir: dir, ID: 3}}, pool.ChunkSize(1))
		until(t, "two run", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 2 })
		require.NoError(t, syscall.Kill(p.Workers()[0], sig))
		if sig == syscall.SIGKILL {
			until(t, "the death is noticed", func() bool { return p.Stats().Died == 1 })
		}
		open(t, dir)
		got, err := ended(t, f)
		if sig == syscall.SIGTERM { // workers do not mind it
			require.NoError(t, err)
			assert.Equal(t, []int{1, 2, 3}, got)
			continue
		}
		assert.Nil(t, got)
		assert.Equal(t, sig, died(t, err).Signal)
	}
}

// large returns more than the pipe takes.
var large = mp.Pure(func(n int) []byte { return bytes.Repeat([]byte{byte(n)}, 3<<20) })

func TestFAULT03_AWorkerThatDiesWhileItSendsAResult(t *testing.T) {
	check(t)
	r := random(t)
	p := newPool(t, pool.Options{Workers: 2})
	for range 10 {
		fs := make([]*pool.Future[[]byte], 8)
		for i := range fs {
			fs[i] = pool.Submit(context.Background(), p, large.With(i))
		}
		time.Sleep(time.Duration(r.IntN(8000)) * time.Microsecond)
		for _, pid := range p.Workers() {
			_ = killNow(pid)
		}
		for i, f := range fs {
			got, err := ended(t, f)
			if err != nil {
				assert.Equal(t, syscall.SIGKILL, died(t, err).Signal)
				continue
			}
			require.Len(t, got, 3<<20)
			require.Equal(t, 3<<20, bytes.Count(got, []byte{byte(i)}), "the result is whole")
		}
	}
}

// stubborn ignores signals and never returns.
var stubborn = mp.Func(func(_ context.Context, dir string) (int, error) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if err := note(filepath.Join(dir, "started"), "1"); err != nil {
		return 0, err
	}
	for {
		time.Sleep(time.Hour)
	}
})

func TestFAULT05_AWorkerThatIgnoresSignalsIsKilled(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1, KillGrace: 50 * time.Millisecond})
	for _, way := range []string{"cancel", "close"} {
		dir := t.TempDir()
		f := pool.Submit(context.Background(), p, stubborn.With(dir))
		until(t, "it runs", func() bool { return len(notes(t, filepath.Join(dir, "started"))) == 1 })
		pid := p.Workers()[0]
		if way == "cancel" {
			f.Cancel()
			_, err := ended(t, f)
			assert.ErrorIs(t, err, pool.ErrCancelled)
		} else {
			returns(t, "Close", func() { _ = p.Close() })
		}
		assert.False(t, exists(pid))
	}
}

func TestFAULT06_SignalsOfTheParentDoNotDisturb(t *testing.T) {
	check(t)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	defer signal.Stop(signals)
	p := newPool(t, pool.Options{Workers: 2})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
				runtime.Gosched()
			}
		}
	})
	for range 5 {
		got, err := pool.Map(within(t), p, square, upTo(500))
		assert.NoError(t, err)
		assert.Equal(t, squares(500), got)
	}
	close(stop)
	wg.Wait()
}

func TestFAULT08_DeadWorkersLeaveNoZombies(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	var pids []int
	for range 20 {
		_, err := pool.Apply(within(t), p, exit.With(0))
		pids = append(pids, died(t, err).PID)
	}
	for _, pid := range pids {
		until(t, "it has been reaped", func() bool {
			_, err := os.Stat("/proc/" + fmtInt(pid))
			return os.IsNotExist(err)
		})
	}
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(pids))), 20)
}

func TestLIFE09_AWorkerThatUsesPoolsEndsCleanly(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	for range 3 {
		got, err := pool.Map(within(t), p, nested, []int{1, 1, 2})
		require.NoError(t, err)
		assert.Equal(t, []int{2, 2, 4}, got)
	}
	require.NoError(t, p.Shutdown(within(t)))
}

// background starts a process of its own, which a worker may do.
var background = mp.Func(func(ctx context.Context, n int) (int, error) { return mp.Run(ctx, square.With(n)) })

func TestLIFE02_AWorkerMayStartProcesses(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	got, err := pool.Apply(within(t), p, background.With(6))
	require.NoError(t, err)
	assert.Equal(t, 36, got)
}
