//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// rude panics with a value that panics when asked for its text.
type rude struct{}

func (rude) Error() string { panic("no text") }

type rudeStringer struct{}

func (rudeStringer) String() string { panic("no text") }

var rudely = mp.Func(func(_ context.Context, how string) (int, error) {
	switch how {
	case "panic error":
		panic(rude{})
	case "panic stringer":
		panic(rudeStringer{})
	case "panic nil error":
		panic((*os.PathError)(nil))
	case "panic nil":
		panic(nil)
	case "return":
		return 0, rude{}
	case "joined":
		return 0, fmt.Errorf("around: %w", errors.Join(rude{}, nil))
	case "nil error":
		return 0, (*os.PathError)(nil)
	}
	return 0, nil
})

func TestBadInput_ValuesWhoseTextPanics(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		before := p.Workers()
		for _, how := range []string{"panic error", "panic stringer", "panic nil error", "panic nil", "return", "nil error", "joined"} {
			_, err := pool.Apply(within(t), p, rudely.With(how))
			var remote *mp.RemoteError
			require.ErrorAs(t, err, &remote, how)
			assert.NotPanics(t, func() { assert.NotEmpty(t, err.Error(), how) })
		}
		_, err := pool.Apply(within(t), p, goexit.With(1))
		assert.ErrorContains(t, err, "Goexit")
		got, err := pool.Map(within(t), p, mix, []mixed{{Do: "value", Arg: 1}, {Do: "goexit"}, {Do: "value", Arg: 3}}, pool.ChunkSize(3), pool.KeepGoing())
		assert.ErrorContains(t, err, "item 1")
		assert.Equal(t, []int{1, 0, 3}, got)
		assert.Equal(t, before, p.Workers(), "the worker goes on")
	})
}

// closing closes descriptors of its process, and returns.
var closing = mp.Func(func(_ context.Context, m mixed) (int, error) {
	if m.Dir != "" {
		if err := note(filepath.Join(m.Dir, "ran"), fmtInt(m.Arg)); err != nil {
			return 0, err
		}
	}
	switch m.Do {
	case "close 3":
		_ = syscall.Close(3)
	case "close all":
		for fd := 3; fd <= 100; fd++ {
			_ = syscall.Close(fd)
		}
	case "garbage":
		for range 1000 {
			_, _ = os.Stdout.WriteString("\x00\x01\xff garbage \x1b")
		}
	}
	return m.Arg, nil
})

func TestBadInput_ATaskThatClosesDescriptors(t *testing.T) {
	check(t)
	quiet(t)
	p := newPool(t, pool.Options{Workers: 1})
	for _, how := range []string{"close 3", "close all"} {
		got, err := pool.Apply(within(t), p, closing.With(mixed{Do: how, Arg: 5}))
		if err != nil {
			died(t, err)
		} else {
			assert.Equal(t, 5, got)
		}
		got, err = pool.Apply(within(t), p, square.With(3), pool.Retries(2))
		require.NoError(t, err)
		assert.Equal(t, 9, got)
	}
}

func TestBadInput_ClosedDescriptorsRunNothingTwice(t *testing.T) {
	check(t)
	quiet(t)
	p := newPool(t, pool.Options{Workers: 1})
	for range 10 {
		dir := t.TempDir()
		items := make([]mixed, 10)
		for i := range items {
			items[i] = mixed{Do: "value", Arg: i, Dir: dir}
		}
		items[5].Do = "close all"
		_, err := pool.Map(within(t), p, closing, items, pool.ChunkSize(10), pool.KeepGoing())
		if err != nil {
			died(t, err)
		}
		for i, n := range numbers(t, filepath.Join(dir, "ran")) {
			assert.Equal(t, 1, n, "item %d", i)
		}
	}
}

func TestBadInput_GarbageOnStdoutHarmsNobody(t *testing.T) {
	check(t)
	quiet(t)
	p := newPool(t, pool.Options{Workers: 1})
	got, err := pool.Apply(within(t), p, closing.With(mixed{Do: "garbage", Arg: 6}))
	require.NoError(t, err)
	assert.Equal(t, 6, got)
}
