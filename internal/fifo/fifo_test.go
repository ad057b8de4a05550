//go:build linux

package fifo

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
)

func queue(t testing.TB, c Config) (*Queue, *holder) {
	q, h, err := newQueue(c)
	require.NoError(t, err)
	return q, h
}

func newQueue(c Config) (q *Queue, h *holder, err error) {
	defer shm.Catch(&err)
	a, err := shm.Default()
	if err != nil {
		return nil, nil, err
	}
	c.Kind = KindQueue
	o, err := New(a, c)
	if err != nil {
		return nil, nil, err
	}
	h = new(holder)
	shm.Bind(h, &h.Handle, o)
	q, err = Open(&h.Handle, o)
	return q, h, err
}

type holder struct{ shm.Handle }

func TestItemsComeInOrder(t *testing.T) {
	a, _ := shm.Default()
	bytes, cells := a.Heap()
	q, h := queue(t, Config{})
	var wg sync.WaitGroup
	const n = 200000
	wg.Go(func() {
		for i := range n {
			p := binary.NativeEndian.AppendUint64(nil, uint64(i))
			if i%1000 == 0 {
				p = append(p, make([]byte, 20000+i%7)...)
			}
			if err := q.Put(t.Context(), Message{Head: p}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var buf []byte
	for i := range n {
		item, err := take(q, t.Context(), buf)
		require.NoError(t, err)
		p, err := item.Payload()
		require.NoError(t, err)
		require.Equal(t, uint64(i), binary.NativeEndian.Uint64(p), i)
		if item.Size > 8 {
			require.Len(t, p, 8+20000+i%7)
		} else {
			buf = p
		}
		item.Drop()
	}
	wg.Wait()
	assert.Zero(t, q.Len())
	for i := range 3000 {
		require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, i*10)}))
	}
	require.NoError(t, h.Close())
	after, cellsAfter := a.Heap()
	assert.LessOrEqual(t, after, bytes+64<<10)
	assert.LessOrEqual(t, cellsAfter, cells+1)
}

func BenchmarkPutTake(b *testing.B) {
	q, h := queue(b, Config{})
	defer h.Close()
	p := make([]byte, 8)
	var item Item
	for b.Loop() {
		_ = q.Put(b.Context(), Message{Head: p})
		_ = q.Take(b.Context(), &item)
		item.Drop()
	}
}

func BenchmarkPutTakeTwo(b *testing.B) {
	q, h := queue(b, Config{})
	defer h.Close()
	go func() {
		p := make([]byte, 8)
		for range b.N {
			_ = q.Put(b.Context(), Message{Head: p})
		}
	}()
	var item Item
	for range b.N {
		_ = q.Take(b.Context(), &item)
	}
}

func BenchmarkPutTake1MiB(b *testing.B) {
	q, h := queue(b, Config{Capacity: 4})
	defer h.Close()
	b.SetBytes(1 << 20)
	go func() {
		p := make([]byte, 1<<20)
		for range b.N {
			_ = q.Put(b.Context(), Message{Head: p})
		}
	}()
	var item Item
	var buf []byte
	for range b.N {
		_ = q.Take(b.Context(), &item)
		p, _ := item.Payload()
		buf = append(buf[:0], p...)
		item.Drop()
	}
}
