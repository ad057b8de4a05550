package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCommandLines(t *testing.T) {
	l := processes{self: []string{"/proc/self/exe"}, script: "/tmp/bench.py"}
	w := &Workload{Name: "w"}
	args, err := l.args(w, Goroutines, Python{}, Params{Workers: 2, Budget: 1e9})
	require.NoError(t, err)
	assert.Equal(t, []string{"/proc/self/exe", "bench-child", "w", "goroutines", `{"workers":2,"budget":1000000000}`}, args)
	args, err = l.args(w, CPython, Python{Path: "/usr/bin/python3.8"}, Params{Workers: 2, Budget: 25e7})
	require.NoError(t, err)
	assert.Equal(t, []string{"/usr/bin/python3.8", "/tmp/bench.py", "w", "2", "0.25"}, args)
}

func TestLaunchChecksWhatComesBack(t *testing.T) {
	w := &Workload{Name: "w", Metrics: metric("w", "us", Lower)}
	said := func(script string) (Result, error) {
		return processes{self: []string{"sh", "-c", script}}.launch(t.Context(), w, Ours, Python{}, Params{})
	}
	r, err := said(`echo noise; echo '{"values":{"w":3},"checked":true}'`)
	require.NoError(t, err)
	assert.Equal(t, 3.0, r.Values["w"])
	_, err = said(`echo '{"values":{"w":3}}'`)
	assert.ErrorContains(t, err, "not checked")
	_, err = said(`echo '{"values":{"w":3},"checked":true}'; echo wrong result: 3 >&2; exit 1`)
	assert.EqualError(t, err, "exit status 1: wrong result: 3")
	_, err = said(`kill -SEGV $$`)
	assert.ErrorContains(t, err, "segmentation fault")
}

func TestRunEndsWithItsContextAndTakesTheGroupWithIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	hung := errors.New("hung")
	ctx, cancel := context.WithCancelCause(t.Context())
	var grandchild int
	go func() {
		for grandchild == 0 {
			text, _ := os.ReadFile(file)
			grandchild, _ = strconv.Atoi(strings.TrimSuffix(string(text), "\n"))
			time.Sleep(time.Millisecond)
		}
		cancel(hung)
	}()
	_, err := run(ctx, []string{"sh", "-c", "sleep 1000 & echo $! >$0; wait", file})
	assert.ErrorIs(t, err, hung)
	require.Eventually(t, func() bool { return ended(grandchild) }, 10*time.Second, time.Millisecond)
}

// ended says whether a process is no more, or a zombie that nobody has reaped.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestExcerptKeepsBothEnds(t *testing.T) {
	assert.Equal(t, "", excerpt(" \n"))
	assert.Equal(t, "a\n\tb", excerpt("a\nb\n"))
	assert.Equal(t, "panic: x\n\tb\n\t...\n\tf", excerpt("panic: x\nb\nc\nd\ne\nf\n"))
}
