//go:build linux

package fifo

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
)

// An end is one of a pipe, open.
type end struct {
	*Queue
	holder *holder
}

func (e end) close(t testing.TB) {
	t.Helper()
	require.NoError(t, e.holder.Close())
}

// cell is that of the end.
func (e end) cell() uint32 { return e.holder.Object().Index() }

// pipe makes a pipe.
func pipe(t testing.TB) (taker, sender end) {
	t.Helper()
	a, err := shm.Default()
	require.NoError(t, err)
	to, so, err := NewPipe(a)
	require.NoError(t, err)
	open := func(o *shm.Object) end {
		h := new(holder)
		q, err := OpenEnd(&h.Handle, o)
		require.NoError(t, err)
		shm.Bind(h, &h.Handle, o)
		return end{q, h}
	}
	return open(to), open(so)
}

// passenger makes an object and puts it into a message, which has it alone then.
func passenger(t testing.TB, q *Queue, payload []byte) (shm.Ref, error) {
	o, err := q.arena.New(shm.Spec{Kind: shm.FirstKind})
	if err != nil {
		return shm.Ref{}, err
	}
	defer o.Drop()
	return o.Ref(), q.Put(bounded(t), Message{Head: payload, Cells: []uint32{o.Index()}})
}

func mustPassenger(t testing.TB, q *Queue, payload []byte) shm.Ref {
	t.Helper()
	r, err := passenger(t, q, payload)
	require.NoError(t, err)
	return r
}

// gone checks that nobody has the objects.
func gone(t testing.TB, refs ...shm.Ref) {
	t.Helper()
	a, err := shm.Default()
	require.NoError(t, err)
	for i, r := range refs {
		_, err := a.Open(r)
		require.ErrorIs(t, err, shm.ErrGone, "object %d of %d", i, len(refs))
	}
}

// What was sent goes with the last who could have taken it, wherever the head is, and
// not only with the pipe.
func TestTheLastTakerLeaves(t *testing.T) {
	const n = 600
	for _, taken := range []int{0, 1, 100, n - 1, n} {
		before := used(t)
		taker, sender := pipe(t)
		idle := usage{a: before.a}
		idle.bytes, idle.cells = before.a.Heap()
		var refs []shm.Ref
		for i := range n {
			size := 500 // several segments
			if i%20 == 7 {
				size = inline + 1 + i
			}
			if i%3 == 0 {
				require.NoError(t, sender.Put(bounded(t), Message{Head: make([]byte, size)}))
				continue
			}
			refs = append(refs, mustPassenger(t, sender.Queue, make([]byte, size)))
		}
		for range taken {
			received(t, taker.Queue)
		}
		taker.close(t)
		gone(t, refs...)
		idle.same(t)
		for _, m := range []Message{{}, {Head: make([]byte, inline+1)}, {Cells: []uint32{sender.cell()}}} {
			assert.ErrorIs(t, sender.Put(bounded(t), m), ErrGone)
			assert.ErrorIs(t, sender.TryPut(m), ErrGone)
		}
		sender.close(t)
		before.same(t)
	}
}

// As long as anybody can take, nothing goes.
func TestAnotherTakerStays(t *testing.T) {
	taker, sender := pipe(t)
	o := taker.holder.Object()
	o.Share()
	second := new(holder)
	q, err := OpenEnd(&second.Handle, o)
	require.NoError(t, err)
	shm.Bind(second, &second.Handle, o)
	r := mustPassenger(t, sender.Queue, []byte("x"))
	taker.close(t)
	assert.Equal(t, "x", string(received(t, q)))
	gone(t, r)
	require.NoError(t, second.Close())
	sender.close(t)
}

// What was sent stays when the last goes who could send.
func TestTheLastSenderLeaves(t *testing.T) {
	before := used(t)
	taker, sender := pipe(t)
	var refs []shm.Ref
	for i := range 20 {
		refs = append(refs, mustPassenger(t, sender.Queue, message(1, uint32(i), 1000*(i+1))))
	}
	sender.close(t)
	for i := range refs {
		assert.EqualValues(t, i, numberOf(t, received(t, taker.Queue)))
	}
	_, err := take(taker.Queue, bounded(t), nil)
	assert.ErrorIs(t, err, ErrShut)
	gone(t, refs...)
	taker.close(t)
	before.same(t)
}

// Who has looked for takers, and found some, does not put an item behind the last one
// that went with them.
func TestAPutThatTheLastTakerLeaves(t *testing.T) {
	for _, size := range []int{8, inline + 1} {
		before := used(t)
		taker, sender := pipe(t)
		// One who puts looks at the head if it seems to be far behind: that is to be seen,
		// and comes behind its look at the state.
		atomic.StoreUint32(sender.seenHead, ^uint32(0)-pipeItems)
		o, err := sender.arena.New(shm.Spec{Kind: shm.FirstKind})
		require.NoError(t, err)
		r, err := sender.prepare(&Message{Head: make([]byte, size), Cells: []uint32{o.Index()}})
		require.NoError(t, err)
		entered, leave := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			assert.NoError(t, sender.arena.Transact(func(tx *shm.Tx) error {
				close(entered)
				<-leave
				_, more := leaveEnd(tx, taker.cell(), stateTakers)
				assert.True(t, more)
				return nil
			}))
		})
		<-entered
		put := make(chan error)
		go func() { put <- sender.putLocked(t.Context(), &r) }()
		eventually(t, "it has looked at the state", func() bool { return atomic.LoadUint32(sender.seenHead) == 0 })
		close(leave)
		assert.ErrorIs(t, <-put, ErrGone)
		wg.Wait()
		assert.Zero(t, sender.Len())
		r.drop()
		require.NoError(t, o.Drop())
		gone(t, o.Ref())
		taker.close(t)
		sender.close(t)
		before.same(t)
	}
}

// Who has looked before, and puts what refers to nothing, writes to memory that is the
// queue's still.
func TestAPutBehindTheLastTaker(t *testing.T) {
	for _, at := range []uint64{segmentStart, segmentSize - recordHeader} { // the latter needs another segment
		before := used(t)
		taker, sender := pipe(t)
		fillTo(t, sender.Queue, at)
		taker.close(t)
		// As if it had not been there yet.
		state := atomic.SwapUint32(sender.state, 0)
		for i := range 10 {
			r, err := sender.prepare(&Message{Head: message(1, uint32(i), 5000)})
			require.NoError(t, err)
			require.NoError(t, sender.putLocked(t.Context(), &r))
		}
		atomic.StoreUint32(sender.state, state)
		sender.close(t)
		before.same(t)
	}
}

// The last taker leaves at any moment while others put: nothing of what they have put
// stays, and they are told.
func TestTheLastTakerLeavesMeanwhile(t *testing.T) {
	rng := random(t)
	rounds := 100
	if testing.Short() || raceEnabled {
		rounds = 25
	}
	before := used(t)
	for range rounds {
		taker, sender := pipe(t)
		var wg sync.WaitGroup
		refs := make([][]shm.Ref, 3)
		for i := range refs {
			wg.Go(func() {
				for n := uint32(0); ; n++ {
					payload := message(1, n, 16+int(n%5)*3000)
					r, err := passenger(t, sender.Queue, payload)
					if err == nil {
						refs[i] = append(refs[i], r)
						err = sender.Put(bounded(t), Message{Head: payload})
					}
					if errors.Is(err, ErrGone) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range rng.IntN(30) {
			received(t, taker.Queue)
		}
		time.Sleep(time.Duration(rng.IntN(300)) * time.Microsecond) // the moment is what varies
		taker.close(t)
		wg.Wait()
		for _, r := range refs {
			gone(t, r...)
		}
		if rng.IntN(2) == 0 {
			for range 3 {
				assert.ErrorIs(t, sender.Put(bounded(t), Message{}), ErrGone)
			}
		}
		sender.close(t)
		before.same(t)
	}
}

// Both ends of a pipe leave at the same moment.
func TestBothEndsLeave(t *testing.T) {
	before := used(t)
	for range 200 {
		taker, sender := pipe(t)
		var refs []shm.Ref
		for i := range 50 {
			refs = append(refs, mustPassenger(t, sender.Queue, make([]byte, i*400)))
		}
		var wg sync.WaitGroup
		for _, e := range []end{taker, sender} {
			wg.Go(func() { assert.NoError(t, e.holder.Close()) })
		}
		wg.Wait()
		gone(t, refs...)
		before.same(t)
	}
}

// An end in a message of its own pipe: the one that puts goes with the message, the
// one that takes is refused.
func TestAPipeInItself(t *testing.T) {
	before := used(t)
	for range 10 {
		taker, sender := pipe(t)
		other, unused := pipe(t)
		assert.ErrorIs(t, sender.Put(t.Context(), Message{Cells: []uint32{other.cell(), taker.cell()}}), ErrOwnTaker)
		assert.ErrorIs(t, sender.TryPut(Message{Head: make([]byte, inline+1), Cells: []uint32{taker.cell()}}), ErrOwnTaker)
		assert.ErrorIs(t, sender.Put(t.Context(), Message{Cells: []uint32{sender.Queue.cell}}), ErrSelf)
		assert.Zero(t, sender.Len())
		require.NoError(t, sender.Put(t.Context(), Message{Cells: []uint32{sender.cell(), other.cell(), unused.cell()}}))
		sender.close(t)
		other.close(t)
		unused.close(t)
		taker.close(t)
		before.same(t)
	}
}

// Pipes in messages of pipes, as many levels deep as what holds each other may be.
func TestPipesInPipes(t *testing.T) {
	before := used(t)
	const levels = 95
	taker, sender := pipe(t)
	senders := []end{sender}
	last := mustPassenger(t, sender.Queue, nil)
	for range levels {
		next, s := pipe(t)
		require.NoError(t, s.Put(t.Context(), Message{Head: []byte("one in front")}))
		require.NoError(t, s.Put(t.Context(), Message{Cells: []uint32{taker.cell()}}))
		taker.close(t)
		taker, senders = next, append(senders, s)
	}
	taker.close(t)
	gone(t, last)
	for _, s := range senders {
		assert.ErrorIs(t, s.Put(t.Context(), Message{}), ErrGone)
		s.close(t)
	}
	before.same(t)
}

// What an item has is given up also if the queue has been closed meanwhile: it is not
// left to a queue that is not there.
func TestDropAfterClose(t *testing.T) {
	before := used(t)
	for range 10 {
		q, h := queue(t, Config{})
		require.NoError(t, q.Put(t.Context(), Message{Head: make([]byte, 1<<20)}))
		item, err := tryTake(q)
		require.NoError(t, err)
		require.NoError(t, h.Close())
		p, err := item.Payload()
		require.NoError(t, err)
		assert.Len(t, p, 1<<20)
		item.Drop()
	}
	before.same(t)
}
