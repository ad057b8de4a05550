package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJournal(t *testing.T) {
	j, err := newJournal()
	require.NoError(t, err)
	defer j.remove()
	for _, index := range []int{3, 1, 3} {
		require.NoError(t, note(j.path, index))
	}
	s, err := j.read()
	require.NoError(t, err)
	me := os.Getpid()
	require.Equal(t, starts{last: map[int]int{me: 3}, pids: map[int][]int{1: {me}, 3: {me, me}}}, s)

	require.NoError(t, os.WriteFile(j.path, []byte("1 2\nnonsense\n"), 0o600))
	_, err = j.read()
	require.ErrorContains(t, err, `"nonsense\n"`)
	j.remove()
	require.NoFileExists(t, j.path)
	_, err = j.read()
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestNoJournal(t *testing.T) {
	var j *journal
	j.remove()
	s, err := j.read()
	require.NoError(t, err)
	require.Empty(t, s.last)
	require.NoError(t, note("", 1))
	require.Error(t, note("/no/such/place", 1))
}
