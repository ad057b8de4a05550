package shmfile

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/protocoltest"
	"github.com/multiproc/mp/internal/sys"
)

func TestRefIsAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{"device": refDevice, "inode": refInode, "name": refName}, protocoltest.Numbers(t, "shm-reference", "field", "offset"))
	assert.Contains(t, protocoltest.Document(t), "at least one byte, at most 255")
	assert.Equal(t, 255, maxName)
	ref := Ref{ID: sys.FileID{Dev: 25, Ino: 258}, Name: "x"}
	golden := []byte{0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 1, 2, 'x'}
	assert.Equal(t, golden, ref.Append(nil))
	got, err := ParseRef(golden)
	require.NoError(t, err)
	assert.Equal(t, ref, got)
}

func TestParseRefRefuses(t *testing.T) {
	for what, name := range map[string]string{
		"no name": "", "another directory": "../etc/passwd", "a slash in front": "/x", "a NUL byte": "x\x00", "too long": strings.Repeat("x", 256), "this directory": ".",
	} {
		_, err := ParseRef(Ref{Name: name}.Append(nil))
		assert.ErrorIs(t, err, errRef, what)
	}
	for n := range 16 {
		_, err := ParseRef(make([]byte, n))
		assert.ErrorIs(t, err, errRef)
	}
}

func FuzzParseRef(f *testing.F) {
	f.Add(Ref{Name: "x"}.Append(nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		ref, err := ParseRef(src)
		if err == nil {
			assert.Equal(t, src, ref.Append(nil))
			_, err = CheckName(ref.Name)
			assert.NoError(t, err)
		}
	})
}
