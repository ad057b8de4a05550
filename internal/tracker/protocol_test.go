package tracker

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/protocoltest"
	"github.com/multiproc/mp/internal/sys"
)

var errRefused = errors.New("not today")

func TestLimitsAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"attempts": attempts, "linger": uint64(linger.Milliseconds()), "settled": uint64(settled.Milliseconds()),
	}, protocoltest.Numbers(t, "tracker-limits", "limit", "value"))
}

func TestFileIsAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{"device": fileDevice, "inode": fileInode, "path": filePath}, protocoltest.Numbers(t, "tracked-file", "field", "offset"))
	assert.Contains(t, protocoltest.Document(t), "absolute, and at most 4095 bytes")
	assert.Equal(t, 4095, maxPath)
	f := File{ID: sys.FileID{Dev: 25, Ino: 258}, Path: "/x"}
	golden := []byte{0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 1, 2, '/', 'x'}
	assert.Equal(t, golden, f.appendTo(nil))
	got, err := parseFile(golden)
	require.NoError(t, err)
	assert.Equal(t, f, got)
}

func TestParseFileRefuses(t *testing.T) {
	for what, path := range map[string]string{
		"no path": "", "a relative one": "x", "a NUL byte": "/x\x00", "too long": "/" + strings.Repeat("x", maxPath),
	} {
		_, err := parseFile(File{Path: path}.appendTo(nil))
		assert.ErrorIs(t, err, errFile, what)
	}
	for n := range filePath {
		_, err := parseFile(make([]byte, n))
		assert.ErrorIs(t, err, errFile)
	}
}
