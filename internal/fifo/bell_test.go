//go:build linux

package fifo

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func newBell() bell { return bell{new(uint32), new(uint64)} }

func TestABellThatIsNotArmedIsNotRung(t *testing.T) {
	b := newBell()
	b.ring()
	assert.Zero(t, *b.word)
	assert.False(t, b.armed())
}

func TestARingReachesWhoIsAboutToSleep(t *testing.T) {
	b := newBell()
	seen := b.arm()
	assert.True(t, b.armed())
	assert.Equal(t, seen, b.arm(), "arming it twice changes nothing")
	b.ring()
	assert.NotEqual(t, seen, *b.word, "who has seen that word does not fall asleep")
	assert.False(t, b.armed(), "nobody slept")
	assert.NotEqual(t, seen, b.arm())
}

func TestRingAllReachesWhoIsAboutToSleep(t *testing.T) {
	b := newBell()
	b.ringAll()
	assert.False(t, b.armed())
	seen := b.arm()
	b.ringAll()
	assert.NotEqual(t, seen, *b.word)
	assert.True(t, b.armed(), "others may sleep")
}

func TestTheNumberOfRingsGoesRound(t *testing.T) {
	b := newBell()
	*b.word = 1<<32 - bellRing
	seen := b.arm()
	b.ring()
	assert.NotEqual(t, seen, *b.word)
	assert.False(t, b.armed())
	*b.word = 1<<32 - bellArmed
	b.ringAll()
	assert.EqualValues(t, bellArmed, *b.word)
}
