package tracker

import (
	"fmt"
	"os"
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

func block(t *testing.T, c *Client) *shmfile.Block {
	t.Helper()
	b, err := shmfile.Create(fmt.Sprintf("mp-tracker-%d-%s", os.Getpid(), t.Name()), 1, shmfile.Options{Announce: c.Add, Withdraw: c.Remove})
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
	forgotten, err := shmfile.Create(b.Name+"-forgotten", 1, shmfile.Options{Announce: c.Add})
	require.NoError(t, err)
	defer forgotten.Close()
	defer forgotten.Unlink()
	c.Remove(forgotten.Ref)
	c.mu.Lock()
	tracker := c.current
	c.current = nil // as if this process had ended
	clear(c.blocks)
	tracker.proc.HangUp()
	c.mu.Unlock()
	eventually(t, "the block vanishes", func() bool { return !exists(b.Name) })
	assert.True(t, exists(forgotten.Name))
	assert.Zero(t, killed.Load())
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
	c.Remove(b.Ref)
	c.Remove(b.Ref)
	eventually(t, "it is dismissed", func() bool { return c.child() == nil })
}

func TestATrackerThatDoesNotStart(t *testing.T) {
	for name, why := range map[string]string{"refuse": errRefused.Error(), "die": errSilent.Error()} {
		c, _ := newClient(name)
		_, err := shmfile.Create("mp-tracker-never", 1, shmfile.Options{Announce: c.Add})
		assert.ErrorContains(t, err, why)
		assert.False(t, exists("mp-tracker-never"))
		assert.Nil(t, c.child())
		assert.Empty(t, c.blocks)
	}
}
