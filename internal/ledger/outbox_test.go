package ledger

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
)

func TestOutboxRefusesWhatDoesNotFit(t *testing.T) {
	l, _ := newLedger(t)
	o := NewOutbox(l)
	big, err := ipc.AppendFrame(nil, ipc.KindError, 0, make([]byte, OutboxSize-ipc.HeaderSize))
	require.NoError(t, err)
	assert.False(t, o.Append(append(big, 0)))
	assert.Zero(t, o.Len())
	assert.True(t, o.Append(big), "exactly as much as there is")
	_, room := o.Open(1, codec.RawHeaderSize, 8)
	assert.Zero(t, room)
	_, room = o.Open(1, codec.ArrayHeaderSize, 0)
	assert.Zero(t, room)
	o.Written()
	assert.Zero(t, o.Len())
	payload, room := o.Open(1, codec.ArrayHeaderSize, 0)
	assert.Equal(t, Prefix+codec.ArrayHeaderSize, payload)
	assert.Equal(t, OutboxSize-payload, room)
	o.Drop()
	u, err := l.Unwritten(math.MaxUint64)
	require.NoError(t, err)
	assert.Nil(t, u.Open)
	assert.Empty(t, u.Frames)
}

func TestFixedPayloadsAreAligned(t *testing.T) {
	l, _ := newLedger(t)
	o := NewOutbox(l)
	for n := range 40 {
		require.True(t, o.Append(make([]byte, n)))
		payload, _ := o.Open(0, codec.RawHeaderSize, 1)
		assert.Zero(t, payload%alignment)
		assert.GreaterOrEqual(t, payload, o.Len()+Prefix+codec.RawHeaderSize)
		o.Drop()
	}
	assert.True(t, l.InOutbox(l.Outbox()[40:40], 40))
	assert.False(t, l.InOutbox(make([]byte, 1), 40))
	assert.Nil(t, Slots[int](l, 0, 0))
}

// life is a worker's life in the ledger. After every single store the memory is
// looked at, as the parent would find it if the worker were killed there.
type life struct {
	t      *testing.T
	l      *Ledger
	mem    []byte
	o      *Outbox
	random *rand.Rand

	next    uint64 // item
	written uint64 // items whose results are in the pipe
	looks   int
}

// watched is how much of the memory these tests use.
const watched = HeadSize + 16<<10

// step runs op, and then looks at every state between the memory before and
// after it: the outbox is filled in first, then the words change, one by one in
// the given order.
func (s *life) step(what string, op func(), order ...int) {
	s.t.Helper()
	before := slices.Clone(s.mem[:watched])
	op()
	after := slices.Clone(s.mem[:watched])
	require.LessOrEqual(s.t, s.o.Len(), watched-HeadSize)
	copy(s.mem, before)
	s.look(what + ": before")
	if half := firstDifference(before[HeadSize:], after[HeadSize:]); half >= 0 {
		copy(s.mem[HeadSize:], after[HeadSize:HeadSize+half+1]) // killed within the filling in
		s.look(what + ": half filled in")
	}
	copy(s.mem[HeadSize:], after[HeadSize:])
	s.look(what + ": filled in")
	for _, off := range order {
		copy(s.mem[off:off+8], after[off:off+8])
		s.look(fmt.Sprintf("%s: after the store at %d", what, off))
	}
	require.Equal(s.t, after[:HeadSize], s.mem[:HeadSize], "%s: stores that the test does not know of", what)
}

func firstDifference(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// value is the result of an item.
func value(item uint64) uint64 { return item*0x9e3779b97f4a7c15 | 1 }

// look reads the ledger as the parent of a dead worker does: every item that is
// done and not in the pipe has its result there, and nothing else is.
func (s *life) look(when string) {
	s.t.Helper()
	s.looks++
	u, err := s.l.Unwritten(math.MaxUint64)
	require.NoError(s.t, err, when)
	found := make(map[uint64]uint64)
	take := func(first uint64, count int, payload []byte, size int) {
		for i := range uint64(count) {
			found[first+i] = binary.NativeEndian.Uint64(payload[int(i)*size+size-8:])
			require.Equal(s.t, value(first+i), found[first+i], "%s: item %d", when, first+i)
		}
	}
	for frames := u.Frames; len(frames) > 0; {
		require.GreaterOrEqual(s.t, len(frames), ipc.HeaderSize, when)
		h := ipc.ParseHeader(frames)
		body := frames[ipc.HeaderSize:][:h.Length]
		frames = frames[ipc.HeaderSize+int(h.Length):]
		if h.Kind == ipc.KindError {
			take(h.Number, 1, body, 8)
			continue
		}
		count, _, results, err := ParseResult(body)
		require.NoError(s.t, err, when)
		if results[0] == codec.RawMark {
			take(h.Number, count, results[codec.RawHeaderSize:], 8)
		} else {
			take(h.Number, count, results[codec.ArrayHeaderSize:], 9)
		}
	}
	if u.Open != nil {
		take(u.Open.First, u.Open.Count, u.Open.Payload, map[int]int{8: 8, 0: 9}[u.Open.Item])
	}
	// An item that stands in the outbox may have become done with the store that
	// comes next: a result counts as soon as it is whole.
	for item := s.written; item < s.l.Done(); item++ {
		require.Contains(s.t, found, item, "%s: of %v", when, slices.Sorted(maps.Keys(found)))
	}
	require.LessOrEqual(s.t, s.l.Done(), s.l.Started(), when)
}

func (s *life) fixed(n int) {
	var payload int
	s.step("open", func() { payload, _ = s.o.Open(s.next, codec.RawHeaderSize, 8) }, offFirst, offPayload, offEnd, offItem, offOpen)
	if payload == 0 {
		s.flush()
		return
	}
	first := s.next
	n = min(n, (OutboxSize-payload)/8)
	slots := Slots[uint64](s.l, payload, n)
	for i := range n {
		s.step("start", func() { *s.l.started = s.next + 1 }, offStarted)
		s.step("result", func() { slots[i] = value(s.next); *s.l.done = s.next + 1 }, offDone)
		s.next++
	}
	if n == 0 {
		s.step("drop", s.o.Drop, offOpen)
		return
	}
	s.step("close", func() {
		codec.PutRawHeader(s.l.Outbox()[payload-codec.RawHeaderSize:], 8*n)
		s.o.Close(first, payload, codec.RawHeaderSize, payload+8*n, n, 5)
	}, offClosed, offOpen)
}

func (s *life) anySize(n int) {
	var payload, room int
	s.step("open", func() { payload, room = s.o.Open(s.next, codec.ArrayHeaderSize, 0) }, offFirst, offPayload, offEnd, offItem, offOpen)
	n = min(n, room/9)
	if n == 0 {
		if room > 0 {
			s.step("drop", s.o.Drop, offOpen)
		}
		s.flush()
		return
	}
	first, end := s.next, payload
	for range n {
		s.step("start", func() { *s.l.started = s.next + 1 }, offStarted)
		s.step("commit", func() {
			s.l.Outbox()[end] = 0xcf
			binary.NativeEndian.PutUint64(s.l.Outbox()[end+1:], value(s.next))
			end += 9
			s.o.Extend(end)
			*s.l.done = s.next + 1
		}, offEnd, offDone)
		s.next++
	}
	s.step("close", func() {
		codec.PutArrayHeader(s.l.Outbox()[payload-codec.ArrayHeaderSize:], n)
		s.o.Close(first, payload, codec.ArrayHeaderSize, end, n, 5)
	}, offClosed, offOpen)
}

func (s *life) fail() {
	s.step("start", func() { *s.l.started = s.next + 1 }, offStarted)
	frame, err := ipc.AppendFrame(nil, ipc.KindError, s.next, binary.NativeEndian.AppendUint64(nil, value(s.next)))
	require.NoError(s.t, err)
	appended := false
	s.step("append", func() { appended = s.o.Append(frame) }, offClosed)
	if !appended {
		s.flush()
		s.step("append", func() { require.True(s.t, s.o.Append(frame)) }, offClosed)
	}
	s.step("failed", func() { *s.l.done = s.next + 1 }, offDone)
	s.next++
}

func (s *life) flush() {
	s.written = s.next
	s.step("written", s.o.Written, offWrites, offClosed)
}

func TestUnwrittenAtEveryStore(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l, mem := newLedger(t)
	s := &life{t: t, l: l, mem: mem, o: NewOutbox(l), random: rand.New(rand.NewPCG(seed, 0))}
	for range 60 {
		switch n := s.random.IntN(6); s.random.IntN(4) {
		case 0:
			s.fixed(n)
		case 1:
			s.anySize(n)
		case 2:
			s.fail()
		case 3:
			s.flush()
		}
	}
	t.Logf("%d states of the memory, %d items", s.looks, s.next)
}

// Between the store to closed and the one to open a frame is in both places. It
// bears the number of its first item, so the parent takes it once.
func TestUnwrittenShowsAFrameTwiceBetweenTwoStores(t *testing.T) {
	l, _ := newLedger(t)
	o := NewOutbox(l)
	payload, _ := o.Open(4, codec.RawHeaderSize, 8)
	*l.started, *l.done = 5, 5
	opened := *l.open
	o.Close(4, payload, codec.RawHeaderSize, payload+8, 1, 0)
	*l.open = opened
	u, err := l.Unwritten(math.MaxUint64)
	require.NoError(t, err)
	assert.EqualValues(t, 4, ipc.ParseHeader(u.Frames).Number)
	assert.EqualValues(t, 4, u.Open.First)
	assert.Equal(t, 1, u.Open.Count)
}

// A parent that looks at a running worker gets the truth or ErrTorn.
func TestUnwrittenOfARunningWorker(t *testing.T) {
	if raceEnabled {
		t.Skip("it races by design: the other side is another process")
	}
	l, _ := newLedger(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		o := NewOutbox(l)
		for next := uint64(0); ; {
			select {
			case <-stop:
				return
			default:
			}
			payload, room := o.Open(next, codec.RawHeaderSize, 8)
			if room < 8*20 {
				o.Drop()
				o.Written()
				continue
			}
			first := next
			slots := Slots[uint64](l, payload, 20)
			for i := range slots {
				*l.started = next + 1
				slots[i] = value(next)
				next++
				*l.done = next
			}
			codec.PutRawHeader(l.Outbox()[payload-codec.RawHeaderSize:], 160)
			o.Close(first, payload, codec.RawHeaderSize, payload+160, 20, 0)
		}
	}()
	defer func() { close(stop); <-stopped }()
	good, torn := 0, 0
	for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
		u, err := l.Unwritten(math.MaxUint64)
		if err != nil {
			require.ErrorIs(t, err, ErrTorn)
			torn++
			continue
		}
		good++
		last := uint64(0)
		for frames := u.Frames; len(frames) > 0; {
			h := ipc.ParseHeader(frames)
			_, _, results, err := ParseResult(frames[ipc.HeaderSize:][:h.Length])
			require.NoError(t, err)
			for i := range uint64(20) {
				require.Equal(t, value(h.Number+i), binary.NativeEndian.Uint64(results[codec.RawHeaderSize+8*i:]))
			}
			frames = frames[ipc.HeaderSize+int(h.Length):]
			last = h.Number + 20
		}
		if u.Open == nil {
			continue
		}
		if len(u.Frames) > 0 && u.Open.First != last { // or between the stores to closed and to open
			require.Equal(t, last-20, u.Open.First)
		}
		if runtime.GOARCH == "amd64" { // where others see stores in their order: see "Reading a live ledger"
			for i := range uint64(u.Open.Count) {
				require.Equal(t, value(u.Open.First+i), binary.NativeEndian.Uint64(u.Open.Payload[8*i:]))
			}
		}
	}
	t.Logf("%d looks, %d torn", good+torn, torn)
	assert.Positive(t, good+torn)
}
