//go:build linux

package fifo

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
)

// A pair is a queue and what should be in it.
type pair struct {
	t    testing.TB
	rng  *rand.Rand
	q    *Queue
	h    *holder
	c    Config
	want [][]byte
	refs [][]shm.Ref // that they refer to
	next uint32
	shut bool
}

func newPair(t testing.TB, rng *rand.Rand) *pair {
	p := &pair{t: t, rng: rng}
	p.c = Config{Capacity: []int{0, 0, 1, 3, 50}[rng.IntN(5)], Joinable: rng.IntN(4) == 0}
	if p.c.Capacity > 0 && rng.IntN(2) == 0 {
		p.c.Bytes = 200 << 10
	}
	p.q, p.h = queue(t, p.c)
	return p
}

func (p *pair) full() bool {
	large := 0
	for _, m := range p.want {
		if len(m) > inline {
			large += len(m)
		}
	}
	return p.c.Capacity > 0 && (len(p.want) >= p.c.Capacity || p.c.Bytes > 0 && large >= p.c.Bytes)
}

// put puts a message, with objects that nobody else holds now and then.
func (p *pair) put() {
	m := message(1, p.next, size(p.rng))
	var cells []uint32
	var refs []shm.Ref
	if p.rng.IntN(8) == 0 {
		for range p.rng.IntN(MaxCells + 1) {
			o, err := p.q.arena.New(shm.Spec{Kind: shm.FirstKind, Size: uint64(p.rng.IntN(3) * 100)})
			require.NoError(p.t, err)
			defer o.Drop()
			cells, refs = append(cells, o.Index()), append(refs, o.Ref())
		}
	}
	err := p.q.TryPut(Message{Head: m, Cells: cells})
	switch {
	case p.shut:
		require.ErrorIs(p.t, err, ErrShut)
	case p.full():
		require.ErrorIs(p.t, err, ErrFull)
	default:
		require.NoError(p.t, err)
		p.want, p.refs = append(p.want, m), append(p.refs, refs)
		p.next++
	}
}

// take takes a message.
func (p *pair) take() {
	item, err := tryTake(p.q)
	if len(p.want) == 0 {
		if p.shut {
			require.ErrorIs(p.t, err, ErrShut)
		} else {
			require.ErrorIs(p.t, err, ErrEmpty)
		}
		return
	}
	require.NoError(p.t, err)
	payload, err := item.Payload()
	require.NoError(p.t, err)
	require.Equal(p.t, len(p.want[0]), item.Size)
	require.Equal(p.t, p.want[0], payload)
	for _, r := range p.refs[0] {
		o, err := p.q.arena.Open(r)
		require.NoError(p.t, err, "what an item refers to is there as long as it")
		require.NoError(p.t, o.Drop())
	}
	item.Drop()
	for _, r := range p.refs[0] {
		_, err := p.q.arena.Open(r)
		require.ErrorIs(p.t, err, shm.ErrGone)
	}
	p.want, p.refs = p.want[1:], p.refs[1:]
	if p.c.Joinable {
		require.NoError(p.t, p.q.Done())
		require.ErrorIs(p.t, p.q.Done(), ErrNotTaken)
	}
}

func (p *pair) check() {
	require.Equal(p.t, len(p.want), p.q.Len())
	require.Equal(p.t, p.c.Capacity, p.q.Cap())
}

// Random operations on a queue do what they do on a slice.
func TestRandomOperations(t *testing.T) {
	rng := random(t)
	before := used(t)
	rounds, steps := 40, 1500
	if testing.Short() || raceEnabled {
		rounds = 10
	}
	for range rounds {
		p := newPair(t, rng)
		bias := 30 + rng.IntN(50)
		for range steps {
			switch n := rng.IntN(100); {
			case n < bias:
				p.put()
			case n < 99:
				p.take()
			default:
				bias = 30 + rng.IntN(50)
			}
			p.check()
		}
		if rng.IntN(2) == 0 {
			require.NoError(t, p.q.Shutdown(false))
			p.shut = true
			p.put()
			for len(p.want) > rng.IntN(3) {
				p.take()
				p.check()
			}
			p.take()
		}
		var left []shm.Ref
		for _, refs := range p.refs {
			left = append(left, refs...)
		}
		require.NoError(t, p.h.Close())
		for _, r := range left {
			_, err := p.q.arena.Open(r)
			assert.ErrorIs(t, err, shm.ErrGone)
		}
		before.same(t)
	}
}
