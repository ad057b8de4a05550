//go:build linux

package fifo

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shm"
)

// damageVariable is set in the children of TestDamagedQueue: the seed of one.
const damageVariable = "MP_FIFO_DAMAGE"

// A vandal overwrites a queue.
type vandal struct {
	t   testing.TB
	rng *rand.Rand
	q   *Queue
	h   *holder
}

// newVandal makes a queue to overwrite. It fails if what was broken before is now a
// part of it.
func newVandal(t testing.TB, rng *rand.Rand) (v *vandal, err error) {
	defer shm.Catch(&err)
	v = &vandal{t: t, rng: rng}
	v.q, v.h, err = newQueue(Config{Capacity: []int{0, 30, 1000}[rng.IntN(3)], Bytes: rng.IntN(2) << 20, Joinable: rng.IntN(2) == 0})
	if err != nil {
		return nil, err
	}
	o, err := v.q.arena.New(shm.Spec{Kind: shm.FirstKind})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = o.Drop() })
	for i := range 20 + rng.IntN(30) {
		var cells []uint32
		if rng.IntN(4) == 0 {
			cells = []uint32{o.Index(), o.Index()}
		}
		_ = v.q.TryPut(Message{Head: message(1, uint32(i), size(rng)), Cells: cells})
		if rng.IntN(3) == 0 {
			if item, err := tryTake(v.q); err == nil {
				item.Drop()
			}
		}
	}
	return v, nil
}

// strike overwrites a word of the control block or of a segment.
func (v *vandal) strike(control uint64, segments []uint64) {
	off := control + v.rng.Uint64N(controlSize)
	if v.rng.IntN(3) > 0 && len(segments) > 0 {
		off = segments[v.rng.IntN(len(segments))]
		if v.rng.IntN(2) == 0 {
			off += v.rng.Uint64N(segmentSize)
		} else { // where a record begins, as like as not
			off += offset(*v.q.head)&(segmentSize-8) | v.rng.Uint64N(64)
			off = min(off, segments[0]+segmentSize-8)
		}
	}
	off &^= 3
	mem := v.q.arena.Bytes(off, 4)
	old := binary.NativeEndian.Uint32(mem)
	word := []uint32{
		0, 1, v.rng.Uint32N(50), v.rng.Uint32(), 1<<32 - 1, 1<<31 - 1, v.rng.Uint32N(segmentSize), v.rng.Uint32N(segmentSize) &^ 7,
		old + 1, old - 1, old ^ 1<<v.rng.IntN(32), kindLarge<<16 | 1, kindInline<<16 | 40, kindEnd << 16,
	}
	binary.NativeEndian.PutUint32(mem, word[v.rng.IntN(len(word))])
}

// places are where the segments of the queue lie.
func (v *vandal) places() (segments []uint64, err error) {
	defer shm.Catch(&err)
	for _, at := range []uint64{offHeadSegment, offTailSegment, offSpare} {
		if c := *v.q.arena.U32(v.q.control + at); c != 0 {
			off, _ := v.q.arena.Piece(c, KindSegment)
			segments = append(segments, off)
		}
	}
	return segments, nil
}

// use does all that one can do with a queue.
func (v *vandal) use() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
	defer cancel()
	for i := range 12 {
		n := size(v.rng)
		v.bounded("TryPut", func() { _ = v.q.TryPut(Message{Head: message(2, 3, n)}) })
		v.bounded("TryTake", func() { v.drop(tryTake(v.q)) })
		v.bounded("Len", func() { v.q.Len() })
		if i%4 == 3 {
			v.bounded("Take", func() { v.drop(take(v.q, ctx, nil)) })
			v.bounded("Put", func() { _ = v.q.Put(ctx, Message{Head: message(2, 3, n)}) })
			v.bounded("Done", func() { _ = v.q.Done() })
			v.bounded("Join", func() { _ = v.q.Join(ctx) })
		}
	}
	v.bounded("Open", func() { _, _ = Open(&v.h.Handle, v.h.Object()) })
	if v.rng.IntN(2) == 0 {
		v.bounded("Shutdown", func() { _ = v.q.Shutdown(v.rng.IntN(2) == 0) })
		v.bounded("TryTake after", func() { v.drop(tryTake(v.q)) })
	}
	v.bounded("Close", func() { _ = v.h.Close() })
}

func (v *vandal) drop(item Item, err error) {
	if err == nil {
		_, _ = item.Payload()
		item.Drop()
	}
}

// bounded fails if fn crashes, hangs, or makes the process large.
func (v *vandal) bounded(what string, fn func()) {
	const spike = 16 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		fn()
	}()
	select {
	case r := <-done:
		require.Nil(v.t, r, "%s crashes", what)
	case <-time.After(patience):
		stack := make([]byte, 1<<20)
		require.FailNow(v.t, what+" hangs", "%s", stack[:runtime.Stack(stack, true)])
	}
	runtime.ReadMemStats(&after)
	require.Less(v.t, after.TotalAlloc-before.TotalAlloc, uint64(spike), what)
}

// Whatever is overwritten in a queue, those who use it neither crash nor hang: they
// get errors, or nonsense. What is broken by that may be more than the queue, so it
// happens in processes of its own.
func TestDamagedQueue(t *testing.T) {
	if seed, err := strconv.ParseUint(os.Getenv(damageVariable), 10, 64); err == nil {
		damaged(t, seed)
		return
	}
	rng := random(t)
	n := 25
	if testing.Short() || raceEnabled {
		n = 5
	}
	for range n {
		seed := rng.Uint64()
		ctx, cancel := context.WithTimeout(context.Background(), 6*patience)
		cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^TestDamagedQueue$", "-test.timeout=50s")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", damageVariable, seed), "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		cancel()
		if !assert.NoError(t, err, "%s=%d: %s", damageVariable, seed, out) {
			return
		}
	}
}

// damaged is the child.
func damaged(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	arena, err := shm.Default()
	require.NoError(t, err)
	for range 25 {
		bytes, _ := arena.Heap()
		if bytes > 1<<30 || arena.Settle() != nil {
			return // it is broken by now
		}
		if probe() != nil {
			return
		}
		v, err := newVandal(t, rng)
		if err != nil {
			return
		}
		segments, err := v.places()
		if err != nil {
			return
		}
		control := v.q.control
		for range 1 + rng.IntN(6) {
			v.strike(control, segments)
		}
		v.use()
	}
}

// probe makes and uses a queue.
func probe() (err error) {
	defer shm.Catch(&err)
	q, h, err := newQueue(Config{})
	if err != nil {
		return err
	}
	defer h.Close()
	for _, n := range []int{0, inline, inline + 1} {
		if err := q.TryPut(Message{Head: make([]byte, n)}); err != nil {
			return err
		}
	}
	return nil
}

// A lock is free again when what it protects has turned out to be damaged.
func TestDamageDoesNotKeepTheLocks(t *testing.T) {
	q, h := queue(t, Config{})
	require.NoError(t, q.Put(t.Context(), Message{}))
	for off, use := range map[uint64]func() error{
		offHeadSegment: func() error { _, err := take(q, bounded(t), nil); return err },
		offTailSegment: func() error { return q.Put(bounded(t), Message{}) },
	} {
		word := q.arena.U32(q.control + off)
		kept := *word
		for _, nonsense := range []uint32{0, 1, 1 << 31, h.Object().Index()} {
			*word = nonsense
			for range 2 {
				assert.ErrorIs(t, use(), shm.ErrDamaged)
			}
		}
		*word = kept
		require.NoError(t, q.Put(bounded(t), Message{}))
		received(t, q)
	}
	require.NoError(t, h.Close())
}

// A queue that is overwritten so that it refers to itself comes to an end, too.
func TestQueueThatRefersToItself(t *testing.T) {
	if os.Getenv(damageVariable) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestQueueThatRefersToItself$", "-test.timeout=50s")
		cmd.Env = append(os.Environ(), damageVariable+"=1", "GORACE=atexit_sleep_ms=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out[:min(len(out), 2000)])
		return
	}
	q, h := queue(t, Config{})
	o := object(t, q.arena)
	require.NoError(t, q.Put(t.Context(), Message{Cells: []uint32{o.Index()}}))
	segment, _ := q.arena.Piece(*q.arena.U32(q.control + offHeadSegment), KindSegment)
	*q.arena.U32(segment + segmentStart + recordHeader) = h.Object().Index()
	v := &vandal{t: t, rng: rand.New(rand.NewPCG(1, 1)), q: q, h: h}
	v.bounded("Close", func() { _ = h.Close() })

	taker, sender := pipe(t)
	require.NoError(t, sender.Put(t.Context(), Message{Cells: []uint32{o.Index()}}))
	segment, _ = q.arena.Piece(*q.arena.U32(taker.control + offHeadSegment), KindSegment)
	*q.arena.U32(segment + segmentStart + recordHeader) = taker.cell()
	v.bounded("Close of the receiving end", func() { _ = taker.holder.Close() })
	v.bounded("Put", func() { _ = sender.TryPut(Message{Cells: []uint32{o.Index()}}) })
	v.bounded("Close of the sending end", func() { _ = sender.holder.Close() })
}
