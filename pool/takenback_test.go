//go:build linux

package pool_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// brittle is an argument that may not be decodable where it arrives.
type brittle struct{ Do, Path string }

func (p brittle) MarshalBinary() ([]byte, error) { return []byte(p.Do + "\x00" + p.Path), nil }

func (p *brittle) UnmarshalBinary(b []byte) error {
	p.Do, p.Path, _ = strings.Cut(string(b), "\x00")
	if p.Do == "burst" {
		return errors.New("it has burst")
	}
	return nil
}

var handle = mp.Func(func(ctx context.Context, p brittle) (int, error) {
	switch p.Do {
	case "wait": // for the file
		for {
			if _, err := os.Stat(p.Path); err == nil {
				return 1, nil
			}
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
	case "write":
		return 2, os.WriteFile(p.Path, nil, 0o600)
	}
	return 3, nil
})

// What has been taken back from a worker is no business of his any more, also if he could
// not have decoded it: the number is another item's by then, or nobody's.
func TestAnUndecodableItemIsTakenBackLikeAnyOther(t *testing.T) {
	check(t)
	for range 5 {
		p := newPool(t, pool.Options{Workers: 2})
		path := t.TempDir() + "/file"
		items := []brittle{{"wait", path}, {"burst", ""}, {"write", path}, {"", ""}, {"", ""}}
		got, err := pool.Map(within(t), p, handle, items, pool.ChunkSize(len(items)), pool.KeepGoing())
		assert.Equal(t, []int{1, 0, 2, 3, 3}, got)
		var failed *pool.TaskError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, 1, failed.Index)
		assert.ErrorContains(t, err, "it has burst")
		for i := range 20 {
			squared, err := pool.Apply(within(t), p, square.With(i))
			require.NoError(t, err)
			assert.Equal(t, i*i, squared)
		}
		require.NoError(t, p.Shutdown(within(t)))
		assert.Zero(t, p.Stats().Died)
	}
}
