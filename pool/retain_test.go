//go:build linux

package pool_test

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// A crate is something to be collected.
type crate struct {
	N    int
	Data []byte
}

var crating = mp.Pure(func(c *crate) *crate { return &crate{c.N, make([]byte, 1<<16)} })

func TestPOOL17_NothingIsRetainedAfterDelivery(t *testing.T) {
	bothKinds(t, pool.Options{Workers: 2}, func(t *testing.T, p *pool.Pool) {
		var made, freed atomic.Int64
		watch := func(c *crate) *crate {
			made.Add(1)
			runtime.AddCleanup(c, func(struct{}) { freed.Add(1) }, struct{}{})
			return c
		}
		use := func() {
			var items []*crate
			for i := range 20 {
				items = append(items, watch(&crate{i, make([]byte, 1<<16)}))
			}
			for _, item := range items[:5] {
				got, err := pool.Apply(within(t), p, crating.With(item))
				require.NoError(t, err)
				watch(got)
			}
			all, err := pool.Map(within(t), p, crating, items, pool.ChunkSize(3))
			require.NoError(t, err)
			for _, c := range all {
				watch(c)
			}
			for c, err := range pool.Imap(within(t), p, crating, slices.Values(items)) {
				require.NoError(t, err)
				watch(c)
			}
		}
		use()
		_, err := pool.Map(within(t), p, square, upTo(10)) // the buffers have been used again
		require.NoError(t, err)
		until(t, "all have been collected", func() bool { runtime.GC(); return freed.Load() == made.Load() })
	})
}

func TestFUT36_WhatWasHandedOutIsNotRetained(t *testing.T) {
	check(t)
	p := newPool(t, pool.Options{Workers: 2})
	var made, freed atomic.Int64
	items := make([]*crate, 2000)
	for i := range items {
		items[i] = &crate{N: i}
	}
	for c, err := range pool.Imap(within(t), p, crating, slices.Values(items), pool.InFlight(8)) {
		require.NoError(t, err)
		runtime.AddCleanup(c, func(struct{}) { freed.Add(1) }, struct{}{})
		if made.Add(1) == 2000 {
			until(t, "earlier results have been collected, though the loop goes on", func() bool {
				runtime.GC()
				return freed.Load() >= 1900
			})
		}
	}
	fs := make([]*pool.Future[int], 50)
	var gone atomic.Int64
	for i := range fs {
		fs[i] = pool.Submit(within(t), p, square.With(i))
		runtime.AddCleanup(fs[i], func(struct{}) { gone.Add(1) }, struct{}{})
	}
	for _, err := range pool.AsCompleted(within(t), fs...) {
		require.NoError(t, err)
	}
	fs = nil
	_, err := pool.Apply(within(t), p, square.With(1))
	require.NoError(t, err)
	until(t, "the futures have been collected", func() bool { runtime.GC(); return gone.Load() >= 49 })
}
