package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestParseStat(t *testing.T) {
	got := parseStat("cpu  100 20 30 400 50 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n")
	assert.Equal(t, clock{total: 6210 * time.Millisecond, busy: 1710 * time.Millisecond}, got)
	for _, text := range []string{"", "cpu 1 2 3\n", "intr 1 2 3 4 5 6 7 8 9\n", "cpu 1 2 3 4 5 6 7 x\n"} {
		assert.Zero(t, parseStat(text), text)
	}
}

func TestOthersSince(t *testing.T) {
	before := clock{total: 100 * time.Second, busy: 50 * time.Second, own: 10 * time.Second}
	after := clock{total: 120 * time.Second, busy: 60 * time.Second, own: 15 * time.Second}
	assert.Equal(t, 0.25, after.othersSince(before))
	assert.Equal(t, 0.0, before.othersSince(before), "no time has passed")
	after.own = 30 * time.Second
	assert.Equal(t, 0.0, after.othersSince(before), "ticks are coarse")
}

func TestReadClockGoesOn(t *testing.T) {
	c := readClock()
	assert.Positive(t, c.total)
	assert.Positive(t, c.own)
}
