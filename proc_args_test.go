//go:build linux

package mp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/leaktest"
)

var echo = mp.Pure(func(x any) any { return x })

func TestPROC02_ArgumentsArriveUnchanged(t *testing.T) {
	leaktest.Check(t)
	backing := []any{0, "a", 2, []any{3}}
	for name, arg := range map[string]any{
		"integer":       1,
		"string":        "abc",
		"one element":   []any{1},
		"nested list":   []any{1, "b", []any{2.5, nil}},
		"cut":           backing[1:3],
		"grown":         append(slices.Clone(backing), 5),
		"map":           map[string]any{"a": []any{true}},
		"integer kinds": []any{int8(1), uint64(1 << 63), int64(-1 << 63), float32(0.5), []byte("x"), []string{"y"}},
	} {
		got, err := mp.Run(bounded(t), echo.With(arg))
		require.NoError(t, err, name)
		assert.Equal(t, arg, got, name)
	}
}

type job struct {
	Name  string
	Extra any
	Next  *job
}

var takeJob = mp.Pure(func(j job) string { return j.Name })

func TestUnencodableArgumentsAreErrorsOfStart(t *testing.T) {
	leaktest.Check(t)
	cyclic := job{Name: "a"}
	cyclic.Next = &job{Name: "b", Next: &cyclic}
	inAny := map[string]any{}
	inAny["self"] = inAny
	for name, c := range map[string]struct {
		arg  job
		text string
	}{
		"cyclic":           {cyclic, "Next"},
		"cyclic in an any": {job{Extra: inAny}, "self"},
		"channel":          {job{Extra: make(chan int)}, "job.Extra"},
		"function":         {job{Next: &job{Extra: []any{1, func() {}}}}, "job.Next.Extra[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			p := mp.NewProcess(takeJob.With(c.arg))
			err := p.Start()
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.text)
			assert.Contains(t, err.Error(), takeJob.Name())
			assert.Zero(t, p.PID(), "no process has been started")
			_, err = mp.Run(bounded(t), takeJob.With(c.arg))
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.text)
		})
	}
	assert.Empty(t, mp.ActiveChildren())
}

var badResult = mp.Func(func(context.Context, mp.None) (job, error) {
	return job{Next: &job{Extra: map[string]any{"c": make(chan int)}}}, nil
})

func TestAnUnencodableResultIsTheErrorOfTheTask(t *testing.T) {
	_, err := mp.Run(bounded(t), badResult.With(none))
	r := remote(t, err)
	assert.Contains(t, r.Text, "job.Next.Extra")
	assert.Contains(t, r.Text, badResult.Name())
}

var digest = mp.Pure(func(b []byte) [sha256.Size]byte { return sha256.Sum256(b) })

var double = mp.Pure(func(b []byte) []byte { return append(b, b...) })

func TestALargeArgumentAndResult(t *testing.T) {
	leaktest.Check(t)
	rng := random(t)
	large := make([]byte, 64<<20)
	for i := range large[:1<<20] {
		large[i] = byte(rng.Uint32())
	}
	sum, err := mp.Run(bounded(t), digest.With(large))
	require.NoError(t, err)
	assert.Equal(t, sha256.Sum256(large), sum)
	got, err := mp.Run(bounded(t), double.With(large[:32<<20]))
	require.NoError(t, err)
	require.Len(t, got, 64<<20)
	assert.True(t, bytes.Equal(large[:32<<20], got[:32<<20]) && bytes.Equal(large[:32<<20], got[32<<20:]))
}

// A child that dies while its argument is on the way harms nobody.
func TestDeathWhileTheArgumentIsOnItsWay(t *testing.T) {
	leaktest.Check(t)
	large := make([]byte, 16<<20)
	for range 5 {
		p := launch(t, digest.With(large))
		require.NoError(t, p.Kill())
		assert.Equal(t, -9, failed(t, join(t, p)).Code)
	}
}

func TestPROC24_AStartedProcessLetsGoOfItsArgument(t *testing.T) {
	collected := make(chan struct{})
	p := func() *mp.Process {
		arg := &job{Name: "large", Extra: make([]byte, 1<<20)}
		runtime.AddCleanup(arg, func(c chan struct{}) { close(c) }, collected)
		return launch(t, holdJob.With(arg))
	}()
	eventually(t, "the argument is collected", func() bool {
		runtime.GC()
		select {
		case <-collected:
			return true
		default:
			return false
		}
	})
	assert.True(t, p.Alive())
	require.NoError(t, p.Stop(bounded(t)))
}

var holdJob = mp.Action(func(ctx context.Context, _ *job) error {
	<-ctx.Done()
	return nil
})

func TestSTART07_ACallWithoutATaskIsRefused(t *testing.T) {
	leaktest.Check(t)
	for name, p := range map[string]*mp.Process{"nil": mp.NewProcess(nil), "zero": mp.NewProcess(mp.Call[int]{})} {
		require.Error(t, p.Start(), name)
		assert.Zero(t, p.PID())
		assert.False(t, p.Alive())
	}
	_, err := mp.Run(bounded(t), mp.Call[int]{})
	require.Error(t, err)
}

func TestSTART16_FilesAndSocketsAsExtraFiles(t *testing.T) {
	leaktest.Check(t)
	f := outputFile(t)
	many := make([]*os.File, 60)
	for i := range many {
		many[i] = f
	}
	p := launch(t, writeExtra.With(many[0].Name()), func(p *mp.Process) { p.ExtraFiles = many })
	require.NoError(t, join(t, p))
	assert.Equal(t, "first last", content(t, f))
}

var writeExtra = mp.Action(func(_ context.Context, name string) error {
	first, last := os.NewFile(3, name), os.NewFile(62, name)
	if _, err := first.WriteString("first "); err != nil {
		return err
	}
	_, err := last.WriteString("last")
	return err
})
