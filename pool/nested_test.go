//go:build linux

package pool_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// nested maps on a pool of its own, n levels deep.
var nested *mp.Task[int, int]

func init() {
	nested = mp.Func(func(ctx context.Context, depth int) (int, error) {
		if depth == 0 {
			return 1, nil
		}
		p, err := pool.New(pool.Options{Workers: 2})
		if err != nil {
			return 0, err
		}
		parts, err := pool.Map(ctx, p, nested, []int{depth - 1, depth - 1})
		if err != nil {
			return 0, err
		}
		return parts[0] + parts[1], p.Shutdown(ctx)
	})
}

func TestFUT33_NestedPools(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	got, err := pool.Apply(within(t), p, nested.With(3))
	require.NoError(t, err)
	assert.Equal(t, 8, got)
}

// nesting makes a pool, notes its pids, and stays.
var nesting = mp.Func(func(_ context.Context, dir string) (int, error) {
	p, err := pool.New(pool.Options{Workers: 2})
	if err != nil {
		return 0, err
	}
	for _, pid := range p.Workers() {
		if err := note(filepath.Join(dir, "pids"), fmtInt(pid)); err != nil {
			return 0, err
		}
	}
	time.Sleep(time.Hour)
	return 0, nil
})

func TestFAULT11_AForcedEndAlsoEndsWhatTheWorkersHaveStarted(t *testing.T) {
	for _, way := range []string{"close", "kill"} {
		t.Run(way, func(t *testing.T) {
			check(t)
			p := newPool(t, pool.Options{Workers: 1})
			dir := t.TempDir()
			f := pool.Submit(context.Background(), p, nesting.With(dir))
			until(t, "the nested workers are there", func() bool { return len(notes(t, filepath.Join(dir, "pids"))) == 2 })
			if way == "kill" {
				kill(t, p.Workers()[0])
			} else {
				returns(t, "Close", func() { _ = p.Close() })
			}
			_, err := ended(t, f)
			assert.Error(t, err)
			for pid := range numbers(t, filepath.Join(dir, "pids")) {
				until(t, "a nested worker is gone", func() bool { return !exists(pid) })
			}
		})
	}
}

// programNested fails two levels down.
func programNested(string) error {
	p, err := pool.New(pool.Options{Workers: 1})
	if err != nil {
		return err
	}
	_, err = pool.Apply(context.Background(), p, failDeep.With(2))
	fmt.Println(err)
	return p.Shutdown(context.Background())
}

var failDeep *mp.Task[int, int]

func init() {
	failDeep = mp.Func(func(ctx context.Context, depth int) (int, error) {
		if depth == 0 {
			return 0, os.ErrNotExist
		}
		p, err := pool.New(pool.Options{Workers: 1})
		if err != nil {
			return 0, err
		}
		defer p.Close()
		return pool.Apply(ctx, p, failDeep.With(depth-1))
	})
}

func TestFAULT16_AnErrorTwoLevelsDownMakesNoNoise(t *testing.T) {
	check(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestProgram$")
	cmd.Env = append(os.Environ(), programVariable+"=nested:", "GORACE=atexit_sleep_ms=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	ctx := within(t)
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	text, err := cmd.Output()
	require.NoError(t, err)
	assert.Equal(t, "file does not exist\n", string(text))
	assert.Empty(t, stderr.String())
}
