//go:build linux

package mp_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/shmfile"
)

var shmNames atomic.Int64

// shmName returns a name that no other test uses. What has it is removed at the
// end of the test.
func shmName(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("mp-test-%d-%d", os.Getpid(), shmNames.Add(1))
	t.Cleanup(func() { os.Remove(shmPath(name)) })
	return name
}

func shmPath(name string) string { return filepath.Join("/dev/shm", name) }

// shmExists says whether anything has a name.
func shmExists(name string) bool {
	_, err := os.Lstat(shmPath(name))
	return err == nil
}

// newShm creates a block, which is closed and unlinked at the end of the test.
func newShm(t testing.TB, size int64, opts ...mp.SharedMemoryOption) *mp.SharedMemory {
	t.Helper()
	s, err := mp.CreateSharedMemory(shmName(t), size, opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = s.Unlink()
		assert.NoError(t, s.Close())
	})
	return s
}

// openShm opens a block, which is closed at the end of the test.
func openShm(t testing.TB, name string) *mp.SharedMemory {
	t.Helper()
	s, err := mp.OpenSharedMemory(name)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// poke and peek write and read a block from its first byte on.
func poke(s *mp.SharedMemory, text string) {
	mem, release := s.Bytes()
	defer release()
	copy(mem, text)
}

func peek(s *mp.SharedMemory, n int) string {
	mem, release := s.Bytes()
	defer release()
	return string(mem[:n])
}

func TestSHM01_CreateAndOpen(t *testing.T) {
	name := shmName(t)
	a, err := mp.CreateSharedMemory(name, 512)
	require.NoError(t, err)
	defer a.Close()
	defer a.Unlink()
	assert.Equal(t, name, a.Name())
	assert.EqualValues(t, 512, a.Size())
	assert.Equal(t, fmt.Sprintf(`SharedMemory(%q, 512 bytes)`, name), a.String())
	info, err := os.Stat(shmPath(name))
	require.NoError(t, err)
	assert.EqualValues(t, 512, info.Size())
	assert.Equal(t, fs.FileMode(0o600), info.Mode())

	poke(a, "*")
	b := openShm(t, "/"+name) // as POSIX writes it
	assert.Equal(t, name, b.Name())
	mem, release := b.Bytes()
	assert.Len(t, mem, 512)
	assert.EqualValues(t, 42, mem[0])
	mem[511] = 7
	release()
	release() // once or often
	assert.Equal(t, "\x07", peek(a, 512)[511:])
}

func TestSHM02_WhatCannotBe(t *testing.T) {
	name := shmName(t)
	for _, size := range []int64{0, -1, -1 << 62} {
		_, err := mp.CreateSharedMemory(name, size)
		assert.ErrorIs(t, err, fs.ErrInvalid, "%d", size)
	}
	_, err := mp.OpenSharedMemory("")
	assert.ErrorIs(t, err, fs.ErrInvalid)
	_, err = mp.OpenSharedMemory(name)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, name)

	require.NoError(t, os.WriteFile(shmPath(name), []byte("somebody's"), 0o600))
	_, err = mp.CreateSharedMemory(name, 512)
	assert.ErrorIs(t, err, fs.ErrExist)
	assert.ErrorContains(t, err, name)
	text, err := os.ReadFile(shmPath(name))
	require.NoError(t, err)
	assert.Equal(t, "somebody's", string(text), "what is there stays as it is")

	for what, broken := range map[string]func(path string) error{
		"empty":  func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a link": func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a dir":  func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		name := shmName(t)
		require.NoError(t, broken(shmPath(name)))
		_, err := mp.OpenSharedMemory(name)
		assert.ErrorContains(t, err, name, what)
	}
}

func TestSHM02_NilAndZeroHandles(t *testing.T) {
	for _, s := range []*mp.SharedMemory{nil, new(mp.SharedMemory)} {
		assert.ErrorContains(t, s.Close(), "create it after mp.Init")
		assert.ErrorContains(t, s.Unlink(), "create it after mp.Init")
		assert.Panics(t, func() { s.Bytes() })
		assert.Empty(t, s.Name())
		assert.Zero(t, s.Size())
		assert.Equal(t, "SharedMemory(nil)", s.String())
	}
}

func TestSHM03_TheSizeIsThatOfTheFile(t *testing.T) {
	s := newShm(t, 12345)
	for range 20 {
		assert.EqualValues(t, 12345, openShm(t, s.Name()).Size())
	}
}

func TestSHM04_AutomaticNamesAvoidThoseThatAreTaken(t *testing.T) {
	taken, free := newShm(t, 1).Name(), shmName(t)
	names := []string{taken, taken, free}
	original := shmfile.NewName
	defer func() { shmfile.NewName = original }()
	shmfile.NewName = func() (name string) {
		name, names = names[0], names[1:]
		return name
	}
	s, err := mp.CreateSharedMemory("", 64, mp.AutoUnlink())
	require.NoError(t, err)
	assert.Equal(t, free, s.Name())
	assert.Empty(t, names)
	assert.NoError(t, s.Unlink())
	assert.NoError(t, s.Close())
	assert.True(t, shmExists(taken))
}

func TestSHM05_Unlink(t *testing.T) {
	s := newShm(t, 64)
	other := openShm(t, s.Name())
	poke(s, "still here")
	require.NoError(t, s.Unlink())
	assert.ErrorIs(t, s.Unlink(), fs.ErrNotExist)
	assert.ErrorIs(t, other.Unlink(), fs.ErrNotExist)
	assert.Equal(t, "still here", peek(other, 10))
	poke(other, "STILL")
	assert.Equal(t, "STILL here", peek(s, 10))
	_, err := mp.OpenSharedMemory(s.Name())
	assert.ErrorIs(t, err, fs.ErrNotExist)

	next, err := mp.CreateSharedMemory(s.Name(), 64) // the name is free again
	require.NoError(t, err)
	assert.ErrorIs(t, s.Unlink(), fs.ErrNotExist, "it is not its block")
	assert.NoError(t, next.Close())
	assert.NoError(t, next.Unlink(), "also after Close")
}

func TestSHM06_NamesThatCannotBe(t *testing.T) {
	for what, name := range map[string]string{
		"a NUL byte":         "a\x00b",
		"a slash":            "a/b",
		"two slashes":        "//a",
		"only a slash":       "/",
		"this directory":     ".",
		"the one above":      "..",
		"more than 255 byte": strings.Repeat("x", 256),
	} {
		_, err := mp.CreateSharedMemory(name, 64)
		assert.ErrorIs(t, err, fs.ErrInvalid, what)
		_, err = mp.OpenSharedMemory(name)
		assert.ErrorIs(t, err, fs.ErrInvalid, what)
		assert.Less(t, len(err.Error()), 200, what)
	}
}

func TestSHM14_Close(t *testing.T) {
	s := newShm(t, 64)
	mem, release := s.Bytes()
	_, second := s.Bytes()
	err := s.Close()
	assert.ErrorIs(t, err, mp.ErrInUse)
	assert.ErrorContains(t, err, "2 slices")
	second()
	assert.ErrorIs(t, s.Close(), mp.ErrInUse)
	assert.ErrorContains(t, s.Close(), "1 slice of Bytes has not")
	mem[0] = 1 // it is there
	release()
	assert.NoError(t, s.Close())
	assert.NoError(t, s.Close())
	assert.PanicsWithValue(t, fmt.Sprintf("mp: SharedMemory.Bytes: %v has been closed; open it again with mp.OpenSharedMemory", s), func() { s.Bytes() })
	assert.EqualValues(t, 64, s.Size())
	assert.NoError(t, s.Unlink())
}

// Whoever gets memory has it until he releases it, whatever others do.
func TestSHM14_CloseWhileOthersUseIt(t *testing.T) {
	s := newShm(t, 1<<16)
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			defer func() { assert.Contains(t, fmt.Sprint(recover()), "has been closed") }()
			for {
				mem, release := s.Bytes()
				mem[len(mem)-1] = 1
				release()
			}
		})
	}
	eventually(t, "it is closed between two uses", func() bool {
		err := s.Close()
		return err == nil || !assert.ErrorIs(t, err, mp.ErrInUse)
	})
	users.Wait()
}

// mapped says whether this process has a file of that name in memory.
func mapped(t testing.TB, name string) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	return strings.Contains(string(maps), "/"+name)
}

func TestSHM14_AForgottenHandleIsClosed(t *testing.T) {
	name := newShm(t, 64).Name()
	_, err := mp.OpenSharedMemory(name)
	require.NoError(t, err)
	eventually(t, "the collector closes it", func() bool {
		runtime.GC()
		return !mapped(t, name)
	})
}

func TestSHM14_ASliceOutlivesItsForgottenHandle(t *testing.T) {
	name := newShm(t, 64).Name()
	s, err := mp.OpenSharedMemory(name)
	require.NoError(t, err)
	mem, release := s.Bytes()
	handle := weak.Make(s)
	s = nil
	eventually(t, "the handle is garbage", func() bool {
		runtime.GC()
		return handle.Value() == nil
	})
	assert.True(t, mapped(t, name))
	mem[0] = 1
	release()
	eventually(t, "the last slice closes it", func() bool { return !mapped(t, name) })
}

func TestSHM15_NoRoom(t *testing.T) {
	var st syscall.Statfs_t
	require.NoError(t, syscall.Statfs("/dev/shm", &st))
	if st.Blocks == 0 {
		t.Skip("/dev/shm has no limit")
	}
	name := shmName(t)
	_, err := mp.CreateSharedMemory(name, int64(st.Blocks+1)*st.Bsize)
	assert.ErrorIs(t, err, syscall.ENOSPC)
	assert.ErrorIs(t, err, mp.ErrNoMemory)
	assert.ErrorContains(t, err, "no room for")
	_, err = mp.OpenSharedMemory(name)
	assert.True(t, errors.Is(err, fs.ErrNotExist), "nothing is left: %v", err)
}
