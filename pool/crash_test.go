//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

func TestFUT30_AResultDeliveredBeforeTheDeathIsKept(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	before := p.Workers()
	got, err := pool.Apply(within(t), p, crash.With("late"))
	require.NoError(t, err)
	assert.Equal(t, 1, got)
	until(t, "the worker is replaced", func() bool {
		now := p.Workers()
		return len(now) == 1 && now[0] != before[0]
	})
	got, err = pool.Apply(within(t), p, square.With(2))
	require.NoError(t, err)
	assert.Equal(t, 4, got)
	s := p.Stats()
	assert.Equal(t, []int64{1, 0}, []int64{s.Died, s.Failed})
}

func TestFUT25_RemoteStackAndExitCodeAreTold(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	pid := p.Workers()[0]
	_, err := pool.Apply(within(t), p, exit.With(99))
	assert.Equal(t, 99, died(t, err).ExitCode)
	assert.ErrorContains(t, err, "code 99")
	assert.ErrorContains(t, err, fmt.Sprint(pid))
	_, err = pool.Apply(within(t), p, mix.With(mixed{Do: "panic"}))
	assert.Contains(t, fmt.Sprintf("%+v", err), "tasks_test.go")
}

func TestFUT21_AWorkerThatDiesWhileLargeArgumentsAreSent(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	ctx, cancel := context.WithTimeout(context.Background(), 3*bound)
	defer cancel()
	var fs []*pool.Future[int]
	for range 10 {
		fs = append(fs, pool.Submit(ctx, p, swallow.With(make([]byte, 4<<20))))
	}
	for _, f := range fs {
		_, err := f.Get(ctx)
		assert.Equal(t, 3, died(t, err).ExitCode)
	}
	got, err := pool.Apply(ctx, p, square.With(2))
	require.NoError(t, err)
	assert.Equal(t, 4, got)
	assert.EqualValues(t, 10, p.Stats().Died)
}

var swallow = mp.Func(func(_ context.Context, b []byte) (int, error) {
	os.Exit(3)
	return len(b), nil
})

func TestPOOL44_BadTasksNeverAffectOthers(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2, KillGrace: -1})
	bad := []mixed{{Do: "error"}, {Do: "panic"}, {Do: "goexit"}, {Do: "exit", Arg: 1}, {Do: "forever"}, {Do: "exit"}}
	var good, failing []*pool.Future[int]
	for i, m := range bad {
		failing = append(failing, pool.Submit(within(t), p, mix.With(m), pool.Timeout(200*time.Millisecond)))
		good = append(good, pool.Submit(within(t), p, mix.With(mixed{Do: "value", Arg: i})))
	}
	for i, f := range good {
		got, err := ended(t, f)
		require.NoError(t, err)
		assert.Equal(t, i, got)
	}
	for i, f := range failing {
		_, err := ended(t, f)
		var d *pool.WorkerDiedError
		assert.Error(t, err, bad[i].Do)
		assert.Equal(t, bad[i].Do == "exit", errors.As(err, &d), "%v: %v", bad[i], err)
		assert.Equal(t, bad[i].Do == "forever", errors.Is(err, mp.ErrTimeout), "%v: %v", bad[i], err)
	}
}

func TestFAULT10_WorkersThatKillEachOther(t *testing.T) {
	check(t)
	for _, n := range []int{1, 2, 5, 13} {
		p, err := pool.New(pool.Options{Workers: n})
		require.NoError(t, err)
		pids := p.Workers()
		_, err = pool.Map(within(t), p, killing, [][]int{pids, pids, pids}, pool.ChunkSize(1), pool.KeepGoing())
		var d *pool.WorkerDiedError
		if err != nil {
			assert.ErrorAs(t, err, &d)
		}
		got, err := pool.Map(within(t), p, square, upTo(20), pool.Retries(20))
		require.NoError(t, err)
		assert.Equal(t, squares(20), got)
		require.NoError(t, p.Close())
	}
	runtime.Gosched()
}

// killing kills the given processes, itself last.
var killing = mp.Func(func(_ context.Context, pids []int) (int, error) {
	for _, pid := range pids {
		if pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
})
