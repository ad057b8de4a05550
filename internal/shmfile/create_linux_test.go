package shmfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/sys"
)

func testName(t *testing.T) string {
	name := fmt.Sprintf("mp-shmfile-%d-%s", os.Getpid(), t.Name())
	t.Cleanup(func() { _ = sys.ShmUnlink(name) })
	return name
}

func exists(name string) bool {
	_, err := sys.ShmLookup(name)
	return err == nil
}

// others counts the blocks of this test that can be seen.
func others(t *testing.T) int {
	found, err := filepath.Glob("/dev/shm/mp-shmfile-*-" + t.Name())
	require.NoError(t, err)
	return len(found)
}

func TestABlockIsSeenWhenItIsComplete(t *testing.T) {
	name := testName(t)
	var order []string
	b, err := Create(name, 100, Options{
		Fill: func(mem []byte) error {
			order = append(order, fmt.Sprint("fill ", len(mem), exists(name)))
			copy(mem, "content")
			return nil
		},
		Announce: func(r Ref) error {
			order = append(order, fmt.Sprint("announce ", r.Name == name, exists(name)))
			return nil
		},
		Withdraw: func(Ref) { order = append(order, "withdraw") },
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"fill 100 false", "announce true false"}, order)
	id, err := sys.ShmLookup(name)
	require.NoError(t, err)
	assert.Equal(t, b.ID, id)
	o, err := b.Ref.Open()
	require.NoError(t, err)
	mem, ok := o.Pin()
	require.True(t, ok)
	assert.Equal(t, "content", string(mem[:7]))
	o.Unpin()
	_, err = o.Close()
	assert.NoError(t, err)
	assert.NoError(t, b.Unlink())
	_, err = b.Close()
	assert.NoError(t, err)
}

// Whatever goes wrong, nothing is left: TestMain looks for descriptors.
func TestAFailureLeavesNothing(t *testing.T) {
	name, broken := testName(t), errors.New("broken")
	withdrawn := 0
	for what, o := range map[string]Options{
		"fill":     {Fill: func([]byte) error { return broken }},
		"announce": {Announce: func(Ref) error { return broken }},
	} {
		_, err := Create(name, 100, o)
		assert.ErrorIs(t, err, broken, what)
		assert.Zero(t, others(t), what)
	}
	_, err := Create(name, 100, Options{
		Announce: func(Ref) error { // somebody is faster
			return os.WriteFile("/dev/shm/"+name, []byte("theirs"), 0o600)
		},
		Withdraw: func(Ref) { withdrawn++ },
	})
	assert.ErrorIs(t, err, fs.ErrExist)
	assert.Equal(t, 1, withdrawn)
	text, err := os.ReadFile("/dev/shm/" + name)
	require.NoError(t, err)
	assert.Equal(t, "theirs", string(text))
}

func TestTheSearchForANameIsBounded(t *testing.T) {
	name := testName(t)
	b, err := Create(name, 1, Options{})
	require.NoError(t, err)
	defer b.Close()
	defer b.Unlink()
	original := NewName
	defer func() { NewName = original }()
	tries, announced := 0, 0
	NewName = func() string { tries++; return name }
	_, err = Create("", 1, Options{
		Announce: func(Ref) error { announced++; return nil },
		Withdraw: func(Ref) { announced-- },
	})
	assert.ErrorIs(t, err, fs.ErrExist)
	assert.Equal(t, maxTries, tries)
	assert.Zero(t, announced)
}

func TestAllPagesAreReserved(t *testing.T) {
	const size = reserveStep + 5
	b, err := Create(testName(t), size, Options{})
	require.NoError(t, err)
	defer b.Close()
	defer b.Unlink()
	var blocks int64
	info, err := os.Stat("/dev/shm/" + b.Name)
	require.NoError(t, err)
	assert.EqualValues(t, size, info.Size())
	blocks = allocated(info)
	assert.GreaterOrEqual(t, blocks, int64(size))
}

func TestMappingIsUnmappedByTheLastPin(t *testing.T) {
	b, err := Create(testName(t), 1, Options{})
	require.NoError(t, err)
	defer b.Unlink()
	_, ok := b.Pin()
	require.True(t, ok)
	pins, err := b.Close()
	require.NoError(t, err)
	assert.Equal(t, 1, pins)
	b.Drop()
	assert.False(t, b.Closed())
	b.Unpin()
	assert.True(t, b.Closed())
	_, ok = b.Pin()
	assert.False(t, ok)
	b.Drop()
}
