//go:build linux

package fifo

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
)

// fillTo puts items until the next record goes to an offset of the tail's segment.
func fillTo(t testing.TB, q *Queue, at uint64) (n int) {
	t.Helper()
	for ; ; n++ {
		rest := at - offset(atomic.LoadUint64(q.tail))
		if rest == 0 {
			return n
		}
		if rest > 2*inline {
			rest = inline
		} else if rest > inline {
			rest /= 2
		}
		require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, rest&^7-recordHeader)}))
	}
}

// Records end at, just before, and not quite at the end of a segment, and every one
// arrives.
func TestSegmentEnds(t *testing.T) {
	before := used(t)
	for behind := uint64(0); behind <= 64; behind += 8 {
		for payload := 0; payload <= 72; payload++ {
			if payload < 16 && payload > 0 {
				continue
			}
			q, h := queue(t, Config{})
			n := fillTo(t, q, segmentSize-recordHeader-behind)
			for i := range uint32(3) {
				var p []byte
				if payload > 0 {
					p = message(uint32(payload), i, payload)
				}
				require.NoError(t, q.Put(t.Context(), Message{Head: p}))
			}
			require.Equal(t, n+3, q.Len())
			for range n {
				received(t, q)
			}
			for i := range uint32(3) {
				p := received(t, q)
				require.Len(t, p, payload)
				if payload > 0 {
					number := numberOf(t, p)
					require.Equal(t, i, number)
				}
			}
			require.Zero(t, q.Len())
			_, err := tryTake(q)
			require.ErrorIs(t, err, ErrEmpty)
			require.NoError(t, h.Close())
		}
	}
	before.same(t)
}

// The last record that fits, and references that do not fit into the same segment.
func TestReferencesAtSegmentEnds(t *testing.T) {
	before := used(t)
	a, err := shm.Default()
	require.NoError(t, err)
	for behind := uint64(0); behind < 200; behind += 8 {
		q, h := queue(t, Config{})
		o, err := a.New(shm.Spec{Kind: shm.FirstKind})
		require.NoError(t, err)
		n := fillTo(t, q, segmentSize-recordHeader-behind)
		cells := make([]uint32, MaxCells)
		for i := range cells {
			cells[i] = o.Index()
		}
		require.NoError(t, q.Put(t.Context(), Message{Head: message(1, 2, 16), Cells: cells}))
		require.NoError(t, q.Put(t.Context(), Message{Head: message(1, 3, inline+1), Cells: cells}))
		require.NoError(t, o.Drop())
		for range n {
			received(t, q)
		}
		for i := range uint32(2) {
			item, err := take(q, bounded(t), nil)
			require.NoError(t, err)
			again, err := a.Open(o.Ref())
			require.NoError(t, err)
			require.NoError(t, again.Drop())
			p, err := item.Payload()
			require.NoError(t, err)
			number := numberOf(t, p)
			require.Equal(t, 2+i, number)
			item.Drop()
		}
		_, err = a.Open(o.Ref())
		require.ErrorIs(t, err, shm.ErrGone)
		require.NoError(t, h.Close())
	}
	before.same(t)
}

// A queue with a great many items in it gives all of its memory back, wherever its
// head is.
func TestCloseWithItemsInIt(t *testing.T) {
	before := used(t)
	for _, taken := range []int{0, 1, 100, 2999, 3000} {
		q, h := queue(t, Config{})
		o, err := q.arena.New(shm.Spec{Kind: shm.FirstKind, Size: 1000})
		require.NoError(t, err)
		for i := range 3000 {
			var cells []uint32
			if i%10 == 0 {
				cells = []uint32{o.Index(), o.Index()}
			}
			n := 500
			if i%100 == 7 {
				n = 30000
			}
			require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, n), Cells: cells}))
		}
		require.NoError(t, o.Drop())
		for range taken {
			received(t, q)
		}
		require.NoError(t, h.Close())
		_, err = q.arena.Open(o.Ref())
		assert.ErrorIs(t, err, shm.ErrGone)
		before.same(t)
	}
}

// The end of a queue goes through its items, and not through what is behind them in a
// segment that has been used before.
func TestStaleRecordsAreNotDrained(t *testing.T) {
	before := used(t)
	q, h := queue(t, Config{})
	o, err := q.arena.New(shm.Spec{Kind: shm.FirstKind})
	require.NoError(t, err)
	const n = segmentSize / 24 // so that each segment has some
	for range 3 {
		for range n {
			require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, 8), Cells: []uint32{o.Index()}}))
		}
		for range n {
			received(t, q)
		}
	}
	for range segmentSize/(recordHeader+16) + 1 {
		require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, 16)}))
	}
	require.NoError(t, h.Close())
	again, err := q.arena.Open(o.Ref())
	require.NoError(t, err)
	require.NoError(t, again.Drop())
	require.NoError(t, o.Drop())
	_, err = q.arena.Open(o.Ref())
	assert.ErrorIs(t, err, shm.ErrGone)
	before.same(t)
}

// A queue whose items are taken as they come needs no more memory than at its first
// ones.
func TestMemoryIsUsedAgain(t *testing.T) {
	q, h := queue(t, Config{})
	defer h.Close()
	var bytes uint64
	var cells int
	for i := range 3000 {
		n := 100 << 10
		if i%3 > 0 {
			n = 5000
		}
		require.NoError(t, q.Put(t.Context(), Message{Head: message(1, uint32(i), n)}))
		number := numberOf(t, received(t, q))
		require.EqualValues(t, i, number)
		b, c := q.arena.Heap()
		if i < 100 {
			bytes, cells = max(bytes, b), max(cells, c)
		} else {
			require.LessOrEqual(t, b, bytes)
			require.LessOrEqual(t, c, cells)
		}
	}
}

// A blob that has been taken is the next one's of about its size.
func TestBlobsAreUsedAgain(t *testing.T) {
	q, h := queue(t, Config{})
	defer h.Close()
	room := func(n int) (cell uint32, size uint64) {
		require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, n)}))
		item, err := take(q, bounded(t), nil)
		require.NoError(t, err)
		defer item.Drop()
		_, size = q.arena.Piece(item.blob.Index(), KindBlob)
		return item.blob.Index(), size
	}
	first, _ := room(100 << 10)
	for _, n := range []int{100 << 10, 50 << 10, 25 << 10, 99999} {
		cell, size := room(n)
		assert.Equal(t, first, cell)
		assert.EqualValues(t, 100<<10, size)
	}
	_, size := room(100<<10 + 1)
	assert.EqualValues(t, 100<<10+1, size)
	_, size = room(10 << 10)
	assert.Less(t, size, uint64(100<<10), "a much larger one")
}

// What is kept for later items is bounded, whatever has gone through.
func TestSpareMemoryIsBounded(t *testing.T) {
	before := used(t)
	q, h := queue(t, Config{})
	defer h.Close()
	for _, size := range []int{8 << 20, 3 << 20, 100 << 10} {
		for range 20 {
			require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, size)}))
		}
		for range 20 {
			received(t, q)
		}
		bytes, _ := q.arena.Heap()
		assert.LessOrEqual(t, bytes, before.bytes+spareBytes+1<<20)
	}
}

// Small blobs are used again also behind large ones.
func TestBlobsAreUsedAgainBehindLargeOnes(t *testing.T) {
	q, h := queue(t, Config{})
	defer h.Close()
	for range spareBlobs + 1 {
		require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, 2<<20)}))
	}
	for range spareBlobs + 1 {
		received(t, q)
	}
	seen := make(map[uint32]bool)
	const n = 20
	for range n {
		require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, 20000)}))
		item, err := take(q, bounded(t), nil)
		require.NoError(t, err)
		seen[item.blob.Index()] = true
		// One that lives on, so that another one's number is not that of a blob before.
		defer object(t, q.arena).Drop()
		item.Drop()
	}
	assert.Less(t, len(seen), n/2, "each item has had a new blob")
}

func TestTooManyReferences(t *testing.T) {
	q, h := queue(t, Config{})
	defer h.Close()
	cells := make([]uint32, MaxCells+1)
	for i := range cells {
		cells[i] = object(t, q.arena).Index()
	}
	assert.ErrorIs(t, q.Put(t.Context(), Message{Cells: cells}), ErrCells)
	err := q.TryPut(Message{Head: make([]byte, inline+1), Cells: append(cells, cells[:20]...)})
	assert.ErrorIs(t, err, ErrCells)
	assert.EqualError(t, err, "refers to 41 shared objects, more than the 40 of one message: send them in several messages")
	assert.Zero(t, q.Len())
	for _, n := range []int{0, inline + 1} { // the blob does not count
		for _, some := range [][]uint32{cells[:MaxCells], append(cells[1:], cells[1:]...)} {
			require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, n), Cells: some}))
			received(t, q)
		}
	}
}

// A message that refers to the same objects many times holds them as long as others.
func TestManyReferencesToTheSame(t *testing.T) {
	q, h := queue(t, Config{})
	defer h.Close()
	for _, end := range []func(){func() { received(t, q) }, func() { require.NoError(t, h.Close()) }} {
		var cells []uint32
		var refs []shm.Ref
		for range 3 {
			o, err := q.arena.New(shm.Spec{Kind: shm.FirstKind})
			require.NoError(t, err)
			cells, refs = append(cells, o.Index()), append(refs, o.Ref())
		}
		for len(cells) < 1000 {
			cells = append(cells, cells...)
		}
		kept := slices.Clone(cells)
		require.NoError(t, q.Put(t.Context(), Message{Cells: cells}))
		assert.Equal(t, kept, cells, "it is the caller's")
		for _, r := range refs {
			o, err := q.arena.Open(r) // one more handle
			require.NoError(t, err)
			require.NoError(t, o.Drop())
			require.NoError(t, o.Drop()) // and the first one
			o, err = q.arena.Open(r)
			require.NoError(t, err, "the message has it")
			require.NoError(t, o.Drop())
		}
		end()
		gone(t, refs...)
	}
}
