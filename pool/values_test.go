//go:build linux

package pool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

func squares(n int) []int {
	list := upTo(n)
	for i := range list {
		list[i] *= i
	}
	return list
}

func TestPOOL01_ResultsEqualTheSerialOnesInOrder(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 3}, func(t *testing.T, p *pool.Pool) {
		ctx := within(t)
		got, err := pool.Apply(ctx, p, square.With(5))
		require.NoError(t, err)
		assert.Equal(t, 25, got)
		for _, n := range []int{1, 10, 100} {
			all, err := pool.Map(ctx, p, square, upTo(n))
			require.NoError(t, err)
			assert.Equal(t, squares(n), all)
			all, err = pool.Map(ctx, p, square, upTo(n), pool.ChunkSize(20))
			require.NoError(t, err)
			assert.Equal(t, squares(n), all)
			all, err = pool.MapAsync(ctx, p, square, upTo(n)).Get(ctx)
			require.NoError(t, err)
			assert.Equal(t, squares(n), all)
		}
		sums, err := pool.Map(ctx, p, add, mp.Zip2([]int{1, 2, 3}, []int{10, 20, 30}))
		require.NoError(t, err)
		assert.Equal(t, []int{11, 22, 33}, sums)
		got, err = pool.Submit(ctx, p, add.With(mp.Pack2(40, 2))).Get(ctx)
		require.NoError(t, err)
		assert.Equal(t, 42, got)
	})
}

func TestPOOL04_EmptyInputGivesAnEmptyResult(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		ctx := within(t)
		for _, opts := range [][]pool.Option{nil, {pool.ChunkSize(5)}, {pool.InFlight(1)}, {pool.KeepGoing()}} {
			for _, items := range [][]int{nil, {}} {
				all, err := pool.Map(ctx, p, square, items, opts...)
				require.NoError(t, err)
				assert.NotNil(t, all)
				assert.Empty(t, all)
				all, err = pool.MapAsync(ctx, p, square, items, opts...).Get(ctx)
				require.NoError(t, err)
				assert.Empty(t, all)
				for v, err := range pool.Imap(ctx, p, square, slices.Values(items), opts...) {
					assert.Fail(t, "an item of nothing", "%v %v", v, err)
				}
				for v, err := range pool.ImapUnordered(ctx, p, square, slices.Values(items), opts...) {
					assert.Fail(t, "an item of nothing", "%v %v", v, err)
				}
			}
		}
	})
}

// A report is an error as data.
type report struct {
	Failed bool
	Text   string
}

var reporting = mp.Pure(func(s string) report { return report{Failed: true, Text: s} })

func TestPOOL34_AnErrorReturnedAsDataIsData(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		got, err := pool.Apply(within(t), p, reporting.With("out of cheese"))
		require.NoError(t, err)
		assert.Equal(t, report{Failed: true, Text: "out of cheese"}, got)
	})
}

func TestPOOL35_LargeArgumentsAndResultsMakeTheRoundTrip(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 1})
	ctx, cancel := context.WithTimeout(context.Background(), 3*bound)
	defer cancel()
	data := make([]byte, 100<<20)
	for i := 0; i < len(data); i += 4093 {
		data[i] = byte(i)
	}
	got, err := pool.Apply(ctx, p, echo.With(data))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, got))
}

func TestPOOL36_OrderIsThatOfTheInputs(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 3}, func(t *testing.T, p *pool.Pool) {
		items := make([]mixed, 12)
		want := make([]int, len(items))
		for i := range items {
			want[i] = len(items) - i
			items[i] = mixed{Do: "sleep", Arg: want[i]}
		}
		for _, opts := range [][]pool.Option{nil, {pool.ChunkSize(1)}, {pool.ChunkSize(5)}, {pool.ChunkSize(100)}} {
			got, err := pool.Map(within(t), p, mix, items, opts...)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	})
}

func TestPOOL37_TheDefaultSizeIsTheNumberOfUsableCPUs(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{})
	assert.Len(t, p.Workers(), mp.CPUCount())
	assert.Equal(t, mp.CPUCount(), p.Stats().Workers)
	assert.LessOrEqual(t, mp.CPUCount(), runtime.NumCPU())
}

func TestPOOL33_OnePoolServesManyGoroutines(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 3}, func(t *testing.T, p *pool.Pool) {
		ctx := within(t)
		var wg sync.WaitGroup
		errs := make(chan error, 10)
		for g := range 10 {
			wg.Go(func() { errs <- mixedCalls(ctx, p, g) })
		}
		wg.Wait()
		for range 10 {
			assert.NoError(t, <-errs)
		}
		assert.Zero(t, p.Stats().Failed)
	})
}

// mixedCalls uses the pool in every way and checks what it gets.
func mixedCalls(ctx context.Context, p *pool.Pool, g int) error {
	items := upTo(50)
	for i := range items {
		items[i] += 1000 * g
	}
	want := make([]int, len(items))
	for i, x := range items {
		want[i] = x * x
	}
	for range 5 {
		one, err := pool.Apply(ctx, p, square.With(items[7]))
		if err != nil || one != want[7] {
			return fmt.Errorf("Apply: %d, %w", one, err)
		}
		all, err := pool.Map(ctx, p, square, items)
		if err != nil || !slices.Equal(all, want) {
			return fmt.Errorf("Map: %d, %w", all, err)
		}
		var got []int
		for v, err := range pool.Imap(ctx, p, square, slices.Values(items)) {
			if err != nil {
				return err
			}
			got = append(got, v)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("Imap: %d", got)
		}
		f := pool.Submit(ctx, p, square.With(g))
		if v, err := f.Get(ctx); err != nil || v != g*g {
			return errors.Join(fmt.Errorf("Submit: %d", v), err)
		}
	}
	return nil
}
