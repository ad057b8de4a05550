//go:build linux

package mp_test

import (
	"context"
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/pool"
)

// shmJob has handles as fields, and none.
type shmJob struct {
	Memory *mp.SharedMemory
	None   *mp.SharedMemory
	List   *mp.ShareableList
	Text   string
}

var (
	// shmByName opens a block and writes into it.
	shmByName = mp.Func2(func(_ context.Context, name, text string) (string, error) {
		s, err := mp.OpenSharedMemory(name)
		if err != nil {
			return "", err
		}
		poke(s, text)
		return s.String(), s.Close()
	})
	// shmByHandle writes into the block behind a handle, and returns what was there.
	shmByHandle = mp.Func2(func(_ context.Context, s *mp.SharedMemory, text string) (string, error) {
		was := peek(s, len(text))
		poke(s, text)
		return was, s.Close()
	})
	// shmFields uses the handles of a job, and returns them.
	shmFields = mp.Func(func(_ context.Context, j shmJob) (shmJob, error) {
		if j.None != nil {
			return j, fmt.Errorf("nil has become %v", j.None)
		}
		poke(j.Memory, j.Text)
		return j, j.List.Set(0, j.Text)
	})
	// shmMake makes blocks, looks whether they are zero, and returns their names.
	shmMake = mp.Func(func(_ context.Context, n int) (names []string, err error) {
		for range n {
			s, err := mp.CreateSharedMemory("", 5000)
			if err != nil {
				return names, err
			}
			mem, release := s.Bytes()
			for i, b := range mem {
				if b != 0 {
					return names, fmt.Errorf("byte %d of %v is %d", i, s, b)
				}
				mem[i] = 0xff
			}
			release()
			names = append(names, s.Name())
			if err := s.Close(); err != nil {
				return names, err
			}
		}
		return names, nil
	})
)

func TestSHM07_ByNameAndByHandle(t *testing.T) {
	s := newShm(t, 64)
	text, err := mp.Run(bounded(t), shmByName.With(mp.Pack2(s.Name(), "howdy")))
	require.NoError(t, err)
	assert.Equal(t, s.String(), text)
	assert.Equal(t, "howdy", peek(s, 5))
	was, err := mp.Run(bounded(t), shmByHandle.With(mp.Pack2(s, "HELLO")))
	require.NoError(t, err)
	assert.Equal(t, "howdy", was)
	assert.Equal(t, "HELLO", peek(s, 5))
}

func TestSHM08_HandlesAreFieldsOfArgumentsAndResults(t *testing.T) {
	s := newShm(t, 64)
	l := newList(t, "a long string", 5)
	job, err := mp.Run(bounded(t), shmFields.With(shmJob{Memory: s, List: l, Text: "both"}))
	require.NoError(t, err)
	assert.Equal(t, "both", peek(s, 4))
	assert.Equal(t, []any{"both", int64(5)}, itemsOf(t, l))

	require.NotSame(t, s, job.Memory, "what comes back is a handle of its own")
	assert.Equal(t, s.Name(), job.Memory.Name())
	poke(job.Memory, "seen")
	assert.Equal(t, "seen", peek(s, 4))
	assert.NoError(t, job.List.Set(1, 6))
	assert.Equal(t, []any{"both", int64(6)}, itemsOf(t, l))
	assert.NoError(t, job.Memory.Close())
	assert.NoError(t, job.List.Close())
	assert.Equal(t, "seen", peek(s, 4))
}

func TestSHM08_UnlinkedBeforeArrival(t *testing.T) {
	s := newShm(t, 64)
	require.NoError(t, s.Unlink())
	_, err := mp.Run(bounded(t), shmByHandle.With(mp.Pack2(s, "HELLO")))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, s.Name())
	assert.NotContains(t, err.Error(), "malformed")

	next, err := mp.CreateSharedMemory(s.Name(), 64)
	require.NoError(t, err)
	defer next.Close()
	defer next.Unlink()
	_, err = mp.Run(bounded(t), shmByHandle.With(mp.Pack2(s, "HELLO")))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "another block has its name")
	assert.Equal(t, "\x00\x00", peek(next, 2), "it was left alone")
}

func TestSHM08_AClosedHandleCannotBeSent(t *testing.T) {
	s := newShm(t, 64)
	require.NoError(t, s.Close())
	_, err := mp.Run(bounded(t), shmByHandle.With(mp.Pack2(s, "HELLO")))
	assert.ErrorIs(t, err, mp.ErrClosed)
	_, err = mp.Run(bounded(t), shmByHandle.With(mp.Pack2(new(mp.SharedMemory), "HELLO")))
	assert.ErrorContains(t, err, "handles do not travel in globals")
}

func TestSHM08_InAPool(t *testing.T) {
	p, err := pool.New(pool.Options{Workers: 1})
	require.NoError(t, err)
	defer p.Close()
	s := newShm(t, 64)
	_, err = pool.Apply(bounded(t), p, shmByHandle.With(mp.Pack2(s, "HELLO")))
	require.NoError(t, err)
	assert.Equal(t, "HELLO", peek(s, 5))
	workers := p.Workers()

	gone := newShm(t, 64)
	require.NoError(t, gone.Unlink())
	_, err = pool.Apply(bounded(t), p, shmByHandle.With(mp.Pack2(gone, "HELLO")))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, gone.Name())

	was, err := pool.Apply(bounded(t), p, shmByHandle.With(mp.Pack2(s, "after")))
	require.NoError(t, err)
	assert.Equal(t, "HELLO", was)
	assert.Equal(t, workers, p.Workers(), "the worker has not minded")
}

func TestSHM15_NewBlocksAreZeroAndTheirNamesDiffer(t *testing.T) {
	const processes, blocks = 4, 50
	var mu sync.Mutex
	var names []string
	var runs sync.WaitGroup
	for range processes {
		runs.Go(func() {
			made, err := mp.Run(bounded(t), shmMake.With(blocks))
			assert.NoError(t, err)
			mu.Lock()
			defer mu.Unlock()
			names = append(names, made...)
		})
	}
	runs.Wait()
	seen := make(map[string]bool)
	for _, name := range names {
		assert.Regexp(t, "^psm_[0-9a-f]{8}$", name)
		assert.False(t, seen[name], name)
		seen[name] = true
		s, err := mp.OpenSharedMemory(name)
		require.NoError(t, err)
		assert.Equal(t, "\xff", peek(s, 5000)[4999:])
		assert.NoError(t, s.Unlink())
		assert.NoError(t, s.Close())
	}
	assert.Len(t, names, processes*blocks)
}
