//go:build linux

package shm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/headroom"
)

// limited makes an arena in a process with limits, and uses it.
var limited = scenario(alone+"use an arena under limits", func(c *insider) {
	a := c.a
	for range 3 {
		var live []*Object
		for _, size := range []uint64{0, 64, 5000, 20000, 1 << 20, 20 << 20} {
			o, err := a.New(Spec{Kind: FirstKind, Size: size})
			c.must(err)
			for i := range o.bytesForTest() {
				o.bytesForTest()[i] = 1
			}
			live = append(live, o)
		}
		_, err := a.New(Spec{Kind: FirstKind, Size: a.size})
		if !errors.Is(err, ErrFull) && !errors.Is(err, ErrNoMemory) {
			c.must(fmt.Errorf("all of the arena: %w", err))
		}
		for _, o := range live {
			c.must(o.Drop())
		}
	}
	c.say("%d", a.size)
	c.hear()
})

// Where addresses or the sizes of files are limited the arena is smaller, and works.
func TestLimits(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector needs more addresses than the limit")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	// Of a program that uses C each thread reserves 128 MiB for malloc, unless it is told
	// not to.
	for limits, most := range map[string]uint64{
		"ulimit -f 1048576":                    512 << 20, // in blocks of 512 bytes
		"ulimit -v 4194304":                    2 << 30,
		"ulimit -v 4194304; ulimit -f 1048576": 512 << 20,
		"ulimit -f 8388608":                    4 << 30,
		"true":                                 1 << 47,
	} {
		m := begin(t, nil, limited, exec.Command("/bin/sh", "-c", limits+"; MALLOC_ARENA_MAX=1 exec "+self))
		var size uint64
		line := m.line()
		_, err := fmt.Sscan(line, &size)
		require.NoError(t, err, "%s: %s", limits, line)
		assert.LessOrEqual(t, size, most, limits)
		assert.GreaterOrEqual(t, size, uint64(leastSize))
		t.Logf("%s: %d MiB", limits, size>>20)
		m.kill()
	}
	// How much a program takes before it comes to the arena depends on how it has been
	// linked. It gets one, or an error, and never uses up what it needs itself.
	for kib := 1 << 20; kib <= 3<<20; kib += 1 << 19 {
		m := begin(t, nil, limited, exec.Command("/bin/sh", "-c", fmt.Sprintf("ulimit -v %d; MALLOC_ARENA_MAX=1 exec %s", kib, self)))
		line := m.line()
		t.Logf("ulimit -v %d: %s", kib, line)
		assert.Regexp(t, "^([0-9]+|error: no shared memory: .*)$", line)
		m.kill()
	}
	m := begin(t, nil, limited, exec.Command("/bin/sh", "-c", "ulimit -f 100000; exec "+self))
	assert.Regexp(t, "error: no shared memory: .*ulimit -v and ulimit -f", m.line())
}

// What is larger than the memory that is left is refused at once, and nothing has
// been taken for it.
func TestMoreThanThereIs(t *testing.T) {
	free, bound := headroom.Available()
	if free > 1<<42 {
		t.Skip("no bound is known")
	}
	a := freshOf(t, 1<<40)
	small := newObject(t, a, 100)
	begin, memory := usageOf(a), memoryOf(t, a)
	for _, size := range []uint64{free + 1<<30, 2 * free, 1 << 39} {
		began := time.Now()
		_, err := a.New(Spec{Kind: FirstKind, Size: size})
		require.ErrorIs(t, err, ErrNoMemory, bound)
		assert.Contains(t, err.Error(), bound)
		assert.Less(t, time.Since(began), time.Second)
	}
	for _, size := range []uint64{1<<40 - 1, 1 << 40, 1<<40 + 1, 1 << 62, 1<<63 + 5, 1<<64 - 4096, 1<<64 - 1} {
		_, err := a.New(Spec{Kind: FirstKind, Size: size})
		require.ErrorIs(t, err, ErrFull)
		require.ErrorIs(t, err, ErrNoMemory)
		assert.Contains(t, err.Error(), fmt.Sprintf("%d MiB more are wanted, and of %d MiB", (size-1)>>20+1, (1<<40-1<<36)>>20))
	}
	assert.Equal(t, begin, usageOf(a))
	assert.Equal(t, memory, memoryOf(t, a))
	checkIntegrity(t, a)
	require.NoError(t, small.Drop())
}

// An arena that is full says so, takes nothing for what it refuses, and works again
// when something has been given back.
func TestFullArena(t *testing.T) {
	a := freshOf(t, leastSize)
	begin := usageOf(a)
	for _, size := range []uint64{40 << 20, 1 << 20, 16 << 10} {
		var live []*Object
		for {
			o, err := a.New(Spec{Kind: FirstKind, Size: size})
			if err != nil {
				require.ErrorIs(t, err, ErrFull)
				break
			}
			live = append(live, o)
		}
		t.Logf("%d objects of %d KiB", len(live), size>>10)
		full := usageOf(a)
		for range 3 {
			_, err := a.New(Spec{Kind: FirstKind, Size: size})
			require.ErrorIs(t, err, ErrFull)
		}
		assert.Equal(t, full, usageOf(a))
		checkIntegrity(t, a)
		require.NoError(t, live[0].Drop())
		o, err := a.New(Spec{Kind: FirstKind, Size: size})
		require.NoError(t, err)
		live[0] = o
		for _, o := range live {
			require.NoError(t, o.Drop())
		}
		checkIntegrity(t, a)
		checkEmpty(t, a, begin)
	}
}

// The cells of an arena can run out before its memory.
func TestNoCellsLeft(t *testing.T) {
	a := freshOf(t, leastSize)
	begin := usageOf(a)
	var live []*Object
	for {
		o, err := a.New(Spec{Kind: FirstKind})
		if err != nil {
			require.ErrorIs(t, err, ErrFull)
			require.ErrorIs(t, err, ErrNoMemory)
			break
		}
		live = append(live, o)
	}
	t.Logf("%d cells", len(live))
	assert.Greater(t, len(live), 200000)
	for _, size := range []uint64{100, 100000} {
		_, err := a.New(Spec{Kind: FirstKind, Size: size})
		require.ErrorIs(t, err, ErrFull)
	}
	checkIntegrity(t, a)
	for _, o := range live {
		require.NoError(t, o.Drop())
	}
	checkIntegrity(t, a)
	now := usageOf(a)
	assert.LessOrEqual(t, now.pages, begin.pages+uint32(len(live)/chunkEntries+16), "the slabs of the ledger stay")
}

// Slots run out at 4095 processes.
func TestNoSlotsLeft(t *testing.T) {
	a := fresh(t)
	for slot := uint32(1); slot < maxSlots; slot++ {
		*a.word(slotAt(slot) + slotKeeper) |= 1 << 29
	}
	_, err := attach(a.file)
	require.ErrorIs(t, err, errNoSlot)
	*a.word(slotAt(4095) + slotKeeper) = 0
	b := another(t, a.file)
	assert.EqualValues(t, 4095, b.slot)
	assert.True(t, a.Alive(b.self))
	o := newObject(t, b, 0)
	ok, _ := o.LockWord().Try()
	assert.True(t, ok)
	assert.Equal(t, b.self, o.LockWord().Owner())
	o.LockWord().ReleaseOwn()
	assert.Equal(t, errNoSlot.Error(), fmt.Sprintf("more than %d processes use the shared memory", maxSlots-1))
}
