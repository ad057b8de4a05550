//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp"
)

// sentinels are the errors that this package exports.
var sentinels = []error{
	mp.ErrNotInitialized, mp.ErrNotRegistered, mp.ErrNotStarted, mp.ErrStarted, mp.ErrRunning, mp.ErrClosed,
	mp.ErrInUse, mp.ErrTimeout, mp.ErrUnlocked, mp.ErrNotOwner, mp.ErrReleasedTooOften, mp.ErrBrokenBarrier,
	mp.ErrFull, mp.ErrEmpty, mp.ErrNotTaken, mp.ErrAuthentication, mp.ErrNotShareable, mp.ErrUnderway,
	mp.ErrBrokenFraming, mp.ErrAddress, mp.ErrGone, mp.ErrKind, mp.ErrNoMemory,
	mp.ErrDescriptorLost, mp.ErrNoRoom,
}

var failWithSentinel = mp.Action(func(_ context.Context, i int) error {
	return fmt.Errorf("it went wrong: %w", sentinels[i])
})

func TestSentinelsCrossProcesses(t *testing.T) {
	for i, want := range sentinels {
		_, err := mp.Run(bounded(t), failWithSentinel.With(i))
		assert.ErrorIs(t, err, want)
		for _, other := range sentinels {
			if other != want {
				assert.NotErrorIs(t, err, other)
			}
		}
	}
}
