package tracker

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp/internal/protocoltest"
)

var errRefused = errors.New("not today")

func TestLimitsAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"attempts": attempts, "linger": uint64(linger.Milliseconds()), "settled": uint64(settled.Milliseconds()),
	}, protocoltest.Numbers(t, "tracker-limits", "limit", "value"))
}
