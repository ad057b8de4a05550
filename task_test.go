//go:build linux

package mp_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

type calculator struct{ Base int }

func (c calculator) Add(_ context.Context, n int) (int, error) { return c.Base + n, nil }

func (c *calculator) Double(n int) int { return 2*n + c.Base }

func generic[T any](x T) []T { return []T{x, x} }

var (
	area   = mp.Func2(func(_ context.Context, a, b int) (int, error) { return a * b, nil })
	volume = mp.Func3(func(_ context.Context, a int, b float64, c string) (float64, error) {
		return float64(a) * b * float64(len(c)), nil
	})
	addTo    = mp.Func(calculator{100}.Add)
	doubled  = mp.Pure((&calculator{1}).Double)
	ints     = mp.Pure(generic[int])
	strs     = mp.Pure(generic[string])
	named    = mp.Pure(func(x int) int { return -x }).Named("negate")
	lessFoo  = mp.Pure(lessOne)
	lessBar  = mp.Pure(lessOne)
	counting = mp.Func(func(_ context.Context, _ mp.None) (int, error) { return len(lessFoo.Name()), nil })
)

func lessOne(x int) int { return x - 1 }

func TestAllKindsOfTasks(t *testing.T) {
	ctx := bounded(t)
	n, err := mp.Run(ctx, area.With(mp.Pack2(6, 7)))
	require.NoError(t, err)
	assert.Equal(t, 42, n)
	f, err := mp.Run(ctx, volume.With(mp.Pack3(2, 1.5, "abc")))
	require.NoError(t, err)
	assert.InDelta(t, 9.0, f, 0)
	n, err = mp.Run(ctx, addTo.With(11))
	require.NoError(t, err)
	assert.Equal(t, 111, n, "a method value")
	n, err = mp.Run(ctx, doubled.With(4))
	require.NoError(t, err)
	assert.Equal(t, 9, n)
	is, err := mp.Run(ctx, ints.With(3))
	require.NoError(t, err)
	assert.Equal(t, []int{3, 3}, is)
	ss, err := mp.Run(ctx, strs.With("x"))
	require.NoError(t, err)
	assert.Equal(t, []string{"x", "x"}, ss, "another instance of the same generic function")
	n, err = mp.Run(ctx, named.With(5))
	require.NoError(t, err)
	assert.Equal(t, -5, n)
	void, err := mp.Run(ctx, nothing.With(none))
	require.NoError(t, err)
	assert.Equal(t, none, void)
}

func TestTaskNames(t *testing.T) {
	assert.Equal(t, "negate", named.Name())
	assert.Contains(t, lessFoo.Name(), "mp_test.lessOne(int) int")
	assert.Equal(t, lessFoo.Name()+"#2", lessBar.Name(), "the second task of that function")
	assert.NotEqual(t, ints.Name(), strs.Name())
	assert.Contains(t, addTo.Name(), "Add")
	assert.False(t, strings.HasSuffix(addTo.Name(), "-fm"))
	n, err := mp.Run(bounded(t), counting.With(none))
	require.NoError(t, err)
	assert.Equal(t, len(lessFoo.Name()), n, "names are the same in the child")
}

func TestZip(t *testing.T) {
	assert.Equal(t, []mp.Args2[int, string]{{A: 1, B: "a"}, {A: 2, B: "b"}}, mp.Zip2([]int{1, 2}, []string{"a", "b"}))
	assert.Equal(t, []mp.Args3[int, int, bool]{{A: 1, B: 2, C: true}}, mp.Zip3([]int{1}, []int{2}, []bool{true}))
	assert.Empty(t, mp.Zip2[int, int](nil, nil))
	assert.Panics(t, func() { mp.Zip2([]int{1}, []int{}) })
	assert.Panics(t, func() { mp.Zip3([]int{1}, []int{2}, []int{}) })
}

func TestInitAgainDoesNothing(t *testing.T) {
	mp.Init()
	mp.Init()
	n, err := mp.Run(bounded(t), square.With(3))
	require.NoError(t, err)
	assert.Equal(t, 9, n)
}

func TestRunWithAnEndedContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := mp.Run(ctx, square.With(3))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, mp.ActiveChildren())
}
