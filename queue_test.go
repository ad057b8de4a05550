//go:build linux

package mp_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
)

type stretch struct {
	Q  *mp.Queue[int]
	Lo int
	Hi int
}

var putStretch = mp.Action(func(ctx context.Context, s stretch) error {
	for i := s.Lo; i < s.Hi; i++ {
		if err := s.Q.Put(ctx, i); err != nil {
			return err
		}
	}
	return nil
})

func TestQueueOfAProducer(t *testing.T) {
	q, err := mp.NewQueue[int](100)
	require.NoError(t, err)
	defer func() { assert.NoError(t, q.Close()) }()
	p := mp.NewProcess(putStretch.With(stretch{q, 0, 5000}))
	require.NoError(t, p.Start())
	for i := range 5000 {
		v, err := q.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, i, v)
	}
	require.NoError(t, p.Join(t.Context()))
	require.NoError(t, q.Shutdown(false))
	_, err = q.Get(t.Context())
	assert.ErrorIs(t, err, mp.ErrClosed)
}

func BenchmarkQueue(b *testing.B) {
	q := mp.Must(mp.NewQueue[int](0))
	defer q.Close()
	p := mp.NewProcess(putStretch.With(stretch{q, 0, b.N}))
	if err := p.Start(); err != nil {
		b.Fatal(err)
	}
	for range b.N {
		if _, err := q.Get(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	_ = p.Join(b.Context())
}
