package workloads

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRollup(t *testing.T) {
	f, err := parseRollup("00400000-7fff rollup\nRss:   9000 kB\nPss:   2048 kB\nPss_Dirty:  1 kB\nPrivate_Dirty:  512 kB\nSwapPss: 7 kB\n")
	require.NoError(t, err)
	assert.Equal(t, footprint{pss: 2, privateDirty: 0.5}, f)
	_, err = parseRollup("Pss:   2048 kB\n")
	assert.ErrorContains(t, err, "does not tell all")
	_, err = parseRollup("Pss:   many kB\n")
	assert.ErrorContains(t, err, "smaps_rollup")
}

func TestMemoryOfThisProcess(t *testing.T) {
	f, err := memory([]int{os.Getpid(), os.Getpid()})
	require.NoError(t, err)
	assert.Positive(t, f.pss)
	assert.Positive(t, f.privateDirty)
}
