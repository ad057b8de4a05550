//go:build linux

package robust

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp/internal/protocoltest"
)

func TestCellsAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"lock": uint64(KindLock), "rlock": uint64(KindRLock), "semaphore": uint64(KindSemaphore), "bounded": uint64(KindBounded),
		"cond": uint64(KindCond), "seat": uint64(KindWaiter), "event": uint64(KindEvent), "barrier": uint64(KindBarrier),
		"value": uint64(KindValue), "raw value": uint64(KindRawValue), "array": uint64(KindArray), "raw array": uint64(KindRawArray),
		"counter": uint64(KindCounter), "once": uint64(KindOnce),
	}, protocoltest.Numbers(t, "object-kinds", "kind", "number"))
	assert.Equal(t, map[string]uint64{
		"bounded most": boundedMost, "cond next": ringNext, "cond owed": ringOwed,
		"seat given": seatGiven, "seat used": seatUsed, "seat waiting": seatWaiting,
		"seat owner": seatOwner, "seat before": seatBefore, "seat after": seatAfter,
		"barrier turn": barrierTurn, "barrier inside": barrierInside, "barrier parties": barrierParties, "barrier state": barrierState,
	}, protocoltest.Numbers(t, "object-words", "word", "offset"))
}
