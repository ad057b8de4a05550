package transport

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp/internal/protocoltest"
)

func TestLimitsAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{"reserved ahead": careless, "growth": growth}, protocoltest.Numbers(t, "room-limits", "limit", "value"))
}

// A length that is only claimed gets a few MiB, and then a few times what has come; at
// the end there is room for all of it, and what had come is still there.
func TestCarefulReservesWhatHasCome(t *testing.T) {
	const claimed = 1 << 40
	room := Careful(nil, claimed)
	assert.Len(t, room, careless)
	room[0], room[careless-1] = 1, 2
	next := Careful(room, claimed)
	assert.Len(t, next, growth*careless)
	assert.Equal(t, []byte{1, 2}, []byte{next[0], next[careless-1]})
	assert.Len(t, Careful(next, len(next)+5), len(next)+5)
	assert.Len(t, Careful(nil, 7), 7)
	assert.Empty(t, Careful(nil, 0))
	used := make([]byte, 0, 100)
	assert.Same(t, &used[:1][0], &Careful(used, 10)[0], "room that is there is used")
}
