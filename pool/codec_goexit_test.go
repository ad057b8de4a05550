//go:build linux

package pool_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// A quitter has methods that end the goroutine in a worker: one that decodes it, or
// one that encodes it there.
type quitter struct{ Encoding bool }

func (q quitter) MarshalBinary() ([]byte, error) {
	if q.Encoding {
		runtime.Goexit()
	}
	return nil, nil
}

func (q *quitter) UnmarshalBinary([]byte) error {
	runtime.Goexit()
	return nil
}

var (
	takeQuitter = mp.Func(func(context.Context, quitter) (int, error) { return 1, nil })
	giveQuitter = mp.Func(func(context.Context, int) (quitter, error) { return quitter{Encoding: true}, nil })
)

func TestBadInput_MethodsThatEndTheGoroutine(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 1}, func(t *testing.T, p *pool.Pool) {
		before := p.Workers()
		_, err := pool.Map(within(t), p, takeQuitter, make([]quitter, 3), pool.ChunkSize(3), pool.KeepGoing())
		assert.ErrorContains(t, err, "Goexit")
		_, err = pool.Apply(within(t), p, giveQuitter.With(1))
		assert.ErrorContains(t, err, "Goexit")
		got, err := pool.Apply(within(t), p, square.With(3))
		assert.NoError(t, err)
		assert.Equal(t, 9, got)
		assert.Equal(t, before, p.Workers(), "the worker goes on")
	})
}
