//go:build linux

package mp

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Of who has passed nothing is left, also while somebody who came before has not.
func TestListenerDoorForgetsWhoHasPassed(t *testing.T) {
	d := newDoor()
	ctx, gone := d.shake(t.Context())
	for range 100 {
		_, passed := d.shake(t.Context())
		passed()
	}
	assert.Len(t, d.guests, 1)
	assert.NoError(t, ctx.Err())
	gone()
	assert.Empty(t, d.guests)
}
