package tracker

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/shmfile"
	"github.com/multiproc/mp/internal/spawn"
	"github.com/multiproc/mp/internal/sys"
)

const patience = 10 * time.Second

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "in vain: %s", what)
	}
}

func exists(name string) bool {
	_, err := sys.ShmLookup(name)
	return err == nil
}

// newClient returns a client whose trackers bear that name, and the number of
// those that were said to be killed.
func newClient(name string) (*Client, *atomic.Int64) {
	killed := new(atomic.Int64)
	return &Client{
		Setup:  func() spawn.Setup { return spawn.Setup{Name: name} },
		Killed: func(int) { killed.Add(1) },
	}, killed
}

// current returns the tracker that the client has.
func (c *Client) child() *child {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// die does to the tracker what the end of this process would do, and waits until it
// has ended.
func (c *Client) die(t *testing.T) {
	c.mu.Lock()
	tracker := c.current
	c.current = nil
	clear(c.files)
	tracker.proc.HangUp()
	c.mu.Unlock()
	eventually(t, "the tracker ends", func() bool { return syscall.Kill(tracker.proc.PID, 0) == syscall.ESRCH })
}

// announced are options with which a block is tracked.
func announced(c *Client) shmfile.Options {
	return shmfile.Options{
		Announce: func(r shmfile.Ref) error { return c.Add(r.Path(), r.ID) },
		Withdraw: func(r shmfile.Ref) { c.Remove(r.Path(), r.ID) },
	}
}

func block(t *testing.T, c *Client) *shmfile.Block {
	t.Helper()
	b, err := shmfile.Create(fmt.Sprintf("mp-tracker-%d-%s", os.Getpid(), t.Name()), 1, announced(c))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = b.Unlink()
		_, _ = b.Close()
	})
	return b
}

func TestWhatIsLeftIsRemovedAtTheEnd(t *testing.T) {
	c, killed := newClient("t")
	b := block(t, c)
	forgotten, err := shmfile.Create(b.Name+"-forgotten", 1, announced(c))
	require.NoError(t, err)
	defer forgotten.Close()
	defer forgotten.Unlink()
	c.Remove(forgotten.Path(), forgotten.ID)
	c.die(t)
	assert.False(t, exists(b.Name))
	assert.True(t, exists(forgotten.Name))
	assert.Zero(t, killed.Load())
}

// Directories go behind what is in them, whatever order they were announced in; what
// has taken the place of a file stays, and so does a directory in which it is.
func TestFilesAndDirectories(t *testing.T) {
	c, _ := newClient("t")
	dir := t.TempDir()
	here := func(path ...string) string { return filepath.Join(append([]string{dir}, path...)...) }
	put := func(path string, err error) {
		require.NoError(t, err)
		id, err := sys.LookupFile(path)
		require.NoError(t, err)
		require.NoError(t, c.Add(path, id))
	}
	for _, name := range []string{"empty", "replaced"} {
		put(here(name), os.Mkdir(here(name), 0o700))
		put(here(name, "file"), os.WriteFile(here(name, "file"), nil, 0o600))
	}
	require.NoError(t, os.WriteFile(here("other"), nil, 0o600)) // while the first one has its inode
	require.NoError(t, os.Rename(here("other"), here("replaced", "file")))
	require.NoError(t, c.Add(here("never"), sys.FileID{}))
	require.NoError(t, c.Add(here("unknown"), sys.FileID{}))
	require.NoError(t, os.Mkdir(here("unknown"), 0o700))
	c.die(t)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
	assert.Equal(t, "replaced", left[0].Name())
	assert.FileExists(t, here("replaced", "file"))
}

func TestADeadTrackerIsReplacedWithoutBeingAsked(t *testing.T) {
	c, killed := newClient("t")
	b := block(t, c)
	for range 3 {
		tracker := c.child()
		require.NoError(t, tracker.proc.Signal(syscall.SIGKILL))
		eventually(t, "there is another", func() bool { now := c.child(); return now != nil && now != tracker })
	}
	assert.EqualValues(t, 1, killed.Load(), "it is said once")
	assert.True(t, exists(b.Name))
	c.Remove(b.Path(), b.ID)
	c.Remove(b.Path(), b.ID)
	eventually(t, "it is dismissed", func() bool { return c.child() == nil })
}

func TestATrackerThatDoesNotStart(t *testing.T) {
	for name, why := range map[string]string{"refuse": errRefused.Error(), "die": spawn.ErrSilent.Error()} {
		c, _ := newClient(name)
		_, err := shmfile.Create("mp-tracker-never", 1, announced(c))
		assert.ErrorContains(t, err, why)
		assert.False(t, exists("mp-tracker-never"))
		assert.Nil(t, c.child())
		assert.Empty(t, c.files)
	}
}
