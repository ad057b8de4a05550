//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

var errKnown = errors.New("a known error")

// A shortage is an error with fields.
type shortage struct{ Have, Want int }

func (e *shortage) Error() string { return fmt.Sprintf("have %d, want %d", e.Have, e.Want) }

func init() {
	mp.RegisterError("pool_test.errKnown", errKnown)
	mp.RegisterErrorType[*shortage]()
}

var failures = mp.Func(func(_ context.Context, how string) (int, error) {
	switch how {
	case "known":
		return 0, fmt.Errorf("wrapped: %w", errKnown)
	case "typed":
		return 0, fmt.Errorf("wrapped: %w", &shortage{3, 4})
	case "file":
		_, err := os.Open("/there/is/no/such/file")
		return 0, err
	case "eof":
		return 0, io.EOF
	case "panic":
		panic(errKnown)
	}
	return 0, errors.New(how)
})

func TestPOOL15_ErrorsKeepTheirKindAndStack(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		fail := func(how string) (*mp.RemoteError, error) {
			_, err := pool.Apply(within(t), p, failures.With(how))
			var remote *mp.RemoteError
			require.ErrorAs(t, err, &remote)
			assert.Equal(t, p.Workers(), []int{remote.PID})
			assert.NotEmpty(t, remote.Worker)
			assert.Contains(t, remote.Stack, "remote_test.go")
			return remote, err
		}
		remote, err := fail("known")
		assert.ErrorIs(t, err, errKnown)
		assert.Equal(t, "wrapped: a known error", err.Error())
		assert.False(t, remote.Panic)
		_, err = fail("typed")
		var short *shortage
		require.ErrorAs(t, err, &short)
		assert.Equal(t, shortage{3, 4}, *short)
		_, err = fail("file")
		assert.ErrorIs(t, err, os.ErrNotExist)
		_, err = fail("eof")
		assert.ErrorIs(t, err, io.EOF)
		remote, err = fail("panic")
		assert.True(t, remote.Panic)
		assert.ErrorIs(t, err, errKnown)
		assert.Regexp(t, `remote_test\.go:\d+`, remote.Stack)
		_, err = fail("plain")
		assert.NotErrorIs(t, err, errKnown)
	})
}

func TestFUT02_MapOverTwoInputsAndChunks(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		as, bs := upTo(40), upTo(40)
		want := make([]int, 40)
		for i := range want {
			want[i] = 2 * i
		}
		for _, chunk := range []int{1, 6, 40, 50} {
			got, err := pool.Map(within(t), p, add, mp.Zip2(as, bs), pool.ChunkSize(chunk))
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	})
}

func TestFUT32_ACallbackThatPanicsDoesNotStopThePool(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		f := pool.Submit(within(t), p, square.With(2))
		f.OnDone(func(int, error) { panic("in a callback") })
		_, err := ended(t, f)
		require.NoError(t, err)
		got, err := pool.Apply(within(t), p, square.With(3))
		require.NoError(t, err)
		assert.Equal(t, 9, got)
	})
}

func TestProgress_ComesOneAtATimeAndGrows(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 3}, func(t *testing.T, p *pool.Pool) {
		for _, form := range []string{"map", "imap", "unordered"} {
			var inside, calls atomic.Int64
			last, total := 0, 0
			opts := []pool.Option{pool.ChunkSize(7), pool.Progress(func(done, of int) {
				assert.EqualValues(t, 1, inside.Add(1), "one at a time")
				assert.Greater(t, done, last)
				last, total = done, of
				calls.Add(1)
				inside.Add(-1)
			})}
			wantTotal := -1
			switch form {
			case "map":
				wantTotal = 300
				_, err := pool.Map(within(t), p, square, upTo(300), opts...)
				require.NoError(t, err)
			case "imap":
				_, _, err := collect(pool.Imap(within(t), p, square, slices.Values(upTo(300)), opts...))
				require.NoError(t, err)
			case "unordered":
				_, _, err := collect(pool.ImapUnordered(within(t), p, square, slices.Values(upTo(300)), opts...))
				require.NoError(t, err)
			}
			until(t, "the last call", func() bool { return inside.Load() == 0 })
			assert.Equal(t, 300, last)
			assert.Equal(t, wantTotal, total)
			assert.Positive(t, calls.Load())
		}
	})
}
