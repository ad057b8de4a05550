package pool

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/bridge"
	"github.com/multiproc/mp/internal/ledger"
	"github.com/multiproc/mp/internal/task"
	wire "github.com/multiproc/mp/internal/worker"
)

var negative = mp.Pure(func(x int) int { return -x })

// The end of a Map is cut into ever smaller chunks, so that all workers end together,
// but not into chunks that cost more than they are worth.
func TestTheLastChunksAreWorthTheirFrames(t *testing.T) {
	def := bridge.TaskDef(negative)
	p := &Pool{opts: Options{Workers: 2}}
	for _, c := range []struct {
		each time.Duration
		left int
		want int
	}{
		{5 * time.Nanosecond, 1_000_000, chunkBytes / 8},
		{5 * time.Nanosecond, 60_000, 15_000},
		{5 * time.Nanosecond, 40_000, 10_000},
		{5 * time.Nanosecond, 20_000, 10_000}, // of 50 µs
		{5 * time.Nanosecond, 1000, 1000},
		{time.Microsecond, 1000, 250},
		{time.Microsecond, 160, 50},
		{time.Microsecond, 45, 45},
		{time.Millisecond, 10, 3},
		{time.Millisecond, 2, 1},
		{time.Second, 100, 1},
	} {
		p.pace = map[*task.Def]*pace{def: {each: float64(c.each)}}
		b := &batch{def: def, cut: 1 << 20}
		assert.Equal(t, c.want, p.chunkSize(span{b: b, hi: c.left}), "%d items of %v", c.left, c.each)
	}
	p.pace[def] = &pace{each: 1}
	b := &batch{def: def, cut: 1 << 20}
	assert.Equal(t, 16, p.chunkSize(span{b: b, hi: 16}))
	b.long = true
	assert.Equal(t, 4, p.chunkSize(span{b: b, hi: 16}), "believed tiny, but one has taken long")
}

// What a worker has not begun goes back in one piece, however it was cut when it was
// sent: otherwise each time that it is taken back it is cut smaller.
func TestWhatIsTakenBackIsOnePiece(t *testing.T) {
	l, err := ledger.New(make([]byte, ledger.Size))
	require.NoError(t, err)
	p := &Pool{}
	w := &worker{pool: p, ledger: l, writing: true, out: []byte("calls that wait for room in the pipe")}
	one, other := new(batch), new(batch)
	for _, f := range []flight{
		{b: one, lo: 0, hi: 10},
		{b: one, lo: 10, hi: 14},
		{b: one, lo: 14, hi: 15},
		{b: other, lo: 0, hi: 2},
		{b: other, lo: 2, hi: 3},
		{b: one, lo: 20, hi: 30}, // does not continue what is before it
		{b: one, lo: 30, hi: 40},
	} {
		f.first, f.each = w.sent, 1
		w.flights = append(w.flights, f)
		w.sent += uint64(f.hi - f.lo)
		w.load += float64(f.hi - f.lo)
		f.b.flying += f.hi - f.lo
	}
	require.True(t, l.Claim(l.Epoch(), 0, 4))

	p.takeBack(w)

	var got []span
	for s := p.queue.first(); s != nil; s = p.queue.first() {
		got = append(got, *s)
		s.lo = s.hi
	}
	assert.Equal(t, []span{{one, 4, 15}, {other, 0, 3}, {one, 20, 40}}, got, "in the order in which they were sent")
	assert.Equal(t, wire.AppendResume(nil, 4, l.Epoch()), w.out, "they are not written any more")
	assert.Equal(t, 4.0, w.load)
	assert.EqualValues(t, 4, w.sent)
	assert.Equal(t, []flight{{b: one, hi: 4, each: 1}}, w.flights)
	assert.Equal(t, [2]int{4, 0}, [2]int{one.flying, other.flying})
	assert.Equal(t, [2]int{31, 3}, [2]int{one.queued, other.queued})
}

// The work that a worker has in advance was small when it was sent. If it turns out to
// be long, who has nothing to do gets it.
func TestWhatTakesLongerThanThoughtIsShared(t *testing.T) {
	def := bridge.TaskDef(negative)
	for _, c := range []struct {
		name string
		each time.Duration // as it is known by now
		idle *worker
		want int // items that are taken back
	}{
		{"long", 10 * time.Microsecond, &worker{ready: true}, 99},
		{"as short as was thought", time.Microsecond, &worker{ready: true}, 0},
		{"nobody to do it", 10 * time.Microsecond, &worker{ready: true, stalled: true}, 0},
	} {
		l, err := ledger.New(make([]byte, ledger.Size))
		require.NoError(t, err)
		p := &Pool{opts: Options{Workers: 2}, pace: map[*task.Def]*pace{def: {each: float64(c.each)}}}
		b := &batch{def: def, flying: 100}
		w := &worker{pool: p, ledger: l, writing: true, ready: true, sent: 100, load: 100_000}
		w.flights = []flight{{b: b, hi: 100, each: 1000}}
		c.idle.pool = p
		p.workers, p.idle = []*worker{w, c.idle}, []*worker{c.idle}
		require.True(t, l.Claim(l.Epoch(), 0, 1))
		p.balance(w, b)
		assert.Equal(t, c.want, b.queued, c.name)
		assert.Equal(t, 100-c.want, b.flying, c.name)
	}
}
